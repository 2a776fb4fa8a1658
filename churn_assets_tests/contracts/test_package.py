"""The shape of the package: how large its parts are, where it starts from, and what its files may cost to load."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "churn_assets"


def loaded(code: str, *packages: str, cwd: Path = ROOT) -> set[str]:
    """Those of `packages` that a fresh interpreter has loaded after `code`."""
    report = "import sys, atexit; atexit.register(lambda: print('loaded', *sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + code],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("CHURN_")},
        capture_output=True,
        text=True,
        check=False,
    )
    [modules] = [line.split() for line in done.stdout.splitlines() if line.startswith("loaded ")]
    assert "churn_assets" in modules, done.stderr
    return set(packages) & set(modules)


def command(words: str) -> str:
    """The code of `churn-assets` with these words."""
    return f"sys.argv = 'churn-assets {words}'.split()\nfrom churn_assets.cli import main\nmain()"


HEAVY = ("dagster", "distributed", "numba", "sklearn", "pandas", "pandera", "matplotlib", "scipy")
TABLES = ("deltalake", "pyarrow", "numpy")


@pytest.mark.parametrize("words", ["--help", "run --help", "models --help", "scores show --help"])
def test_help_loads_nothing_but_the_command_line(words: str) -> None:
    """Help answers at once: no model, table or orchestrator is loaded for it, and not even the settings."""
    found = loaded(command(words), *HEAVY, *TABLES, "pydantic_settings", "yaml", "sqlalchemy")

    assert found == set()


@pytest.mark.parametrize(
    "words",
    [
        "scores show someone",
        "scores history --date 2026-01-01",
        "trace someone",
        "models",
        "rollback --date 2026-01-01 --reason no",
    ],
)
def test_commands_that_look_something_up_load_no_model_and_no_orchestrator(words: str, tmp_path: Path) -> None:
    """What an operator asks in a hurry reads tables, and nothing that takes seconds to load."""
    (tmp_path / "data").mkdir()  # where there is none, `models` looks no further

    found = loaded(command(words), *HEAVY, "deltalake", cwd=tmp_path)

    assert found == {"deltalake"}


def test_the_chain_is_composed_without_scikit_learn() -> None:
    """What a night begins with leaves out what only training or a cluster needs: seconds, and 100 MiB."""
    code = "from churn_assets.definitions import build_definitions, load_settings; build_definitions(load_settings())"

    found = loaded(code, *HEAVY, "joblib", "scipy.stats", "scipy.optimize", "dask", "httpx")

    assert found == {"dagster", "pandas", "pandera", "scipy"}


POOL = "import churn_assets, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
BLAS = (
    "import churn_assets, numpy, scipy.linalg, threadpoolctl\n"
    "print(*{each['num_threads'] for each in threadpoolctl.threadpool_info() if each['user_api'] == 'blas'})"
)


@pytest.mark.skipif(sys.platform != "linux", reason="Arrow's packages for other systems may lack the pool")
@pytest.mark.parametrize(
    ("variable", "code", "asked", "got"),
    [
        ("ARROW_DEFAULT_MEMORY_POOL", POOL, None, "jemalloc"),
        ("ARROW_DEFAULT_MEMORY_POOL", POOL, "system", "system"),
        ("OPENBLAS_NUM_THREADS", BLAS, None, "1"),
        ("OPENBLAS_NUM_THREADS", BLAS, "2", "2"),
    ],
)
def test_libraries_are_told_what_they_read_once(variable: str, code: str, asked: str | None, got: str) -> None:
    """A pool that gives memory back, no thread that spins: unless whoever starts the process has chosen otherwise."""
    given = {name: value for name, value in os.environ.items() if name != variable}

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=given | ({variable: asked} if asked else {}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == got


@pytest.mark.parametrize("module", ["churn_assets.instance", "churn_assets.assets.promotion_log"])
def test_a_change_is_reported_to_dagster_without_loading_the_chain(module: str) -> None:
    """Reporting a rollback or a promotion loads Dagster, and neither scikit-learn nor pandas."""
    found = loaded(f"import {module}", *HEAVY)

    assert found == {"dagster"}


def modules() -> Iterator[tuple[str, str]]:
    """Each module of the package: its path within the repository, and its source."""
    for path in PACKAGE.rglob("*.py"):
        yield path.relative_to(ROOT).as_posix(), path.read_text()


def test_no_module_has_grown_too_long() -> None:
    """A module of more than 500 lines is asking to be two."""
    lengths = {path: len(source.splitlines()) for path, source in modules()}

    long = {path: length for path, length in lengths.items() if length > 500}

    assert len(lengths) > 100
    assert not long


def test_no_folder_holds_too_many_modules() -> None:
    """More than twelve modules side by side are asking for packages."""
    sizes = Counter(path.rpartition("/")[0] for path, _ in modules() if not path.endswith("/__init__.py"))

    full = {folder: size for folder, size in sizes.items() if size > 12}

    assert sizes["churn_assets"] > 0
    assert not full


def test_the_settings_alone_read_the_environment() -> None:
    """Everything else is handed what it needs; the package itself only chooses Arrow's pool, as it is loaded."""
    using = {path for path, source in modules() if re.search(r"\bos\.(environ|getenv)|import (environ|getenv)", source)}

    assert using == {"churn_assets/settings.py", "churn_assets/__init__.py"}


def test_no_module_finds_other_folders_from_its_own_place() -> None:
    """A module that is moved means the same folder as before: it starts from the package, or names its neighbour."""
    climbing = {
        path for path, source in modules() if re.search(r"(?<!churn_assets\.)__file__(?!\)\.with_name)", source)
    }

    assert not climbing


def test_no_function_has_grown_too_long() -> None:
    """A function of more than 50 lines is asking to be two."""
    lengths = {
        f"{path}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, source in modules()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    long = {name: length for name, length in lengths.items() if length > 50}

    assert len(lengths) > 500
    assert not long
