"""The shape of the package: what stands at its top, and what its files may cost to load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = [
    "pyproject.toml",
    "uv.lock",
    "churn_assets",
    "churn_assets_tests",
    "workspace.yaml",
    "dagster.yaml",
    "Dockerfile",
    "data/README.md",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "config.yaml",
    ".ci/run",
    "docs",
    "benchmarks",
]


@pytest.mark.parametrize("name", TOP)
def test_the_given_top_level_is_there(name: str) -> None:
    """Each given file or folder exists and holds something."""
    path = ROOT / name

    size = path.stat().st_size

    assert size > 0


@pytest.mark.parametrize("module", ["churn_assets.cli", "churn_assets.storage.scores", "churn_assets.storage.registry"])
def test_light_commands_load_nothing_heavy(module: str) -> None:
    """Help, scores and rollbacks import no orchestrator, no scikit-learn and no pandas."""
    heavy = "{'dagster', 'distributed', 'sklearn', 'pandas', 'pandera'} & sys.modules.keys()"

    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print({heavy} or 'nothing')"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "nothing"


def test_no_module_has_grown_too_long() -> None:
    """A file of the package that passes 300 lines is asking to be two."""
    lengths = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "churn_assets").rglob("*.py")}

    long = {name: length for name, length in lengths.items() if length > 300}

    assert not long
