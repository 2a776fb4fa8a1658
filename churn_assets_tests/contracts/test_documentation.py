"""What other programs and people rely on is written down, and what is written down is there."""

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from churn_assets.cli import app
from churn_assets.core.evaluation.gates import gate_names
from churn_assets.core.monitoring import table_schemas as monitoring
from churn_assets.core.options import GateBounds
from churn_assets.core.table_schemas import (
    ALERTS,
    CANARIES,
    COMPARISONS,
    ERASURES,
    EVALUATIONS,
    PROMOTIONS,
    REASONS,
    REWRITTEN_VERSIONS,
    SCORES,
)
from churn_assets.launch.launcher import Night
from churn_assets.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def settings_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of the settings, nested ones with a dot."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def commands(group: TyperGroup, prefix: str = "churn-assets") -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Every command with its whole name; a group that does something by itself is one too."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield f"{prefix} {name}", command
            yield from commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{prefix} {name}", command


def all_commands() -> list[tuple[str, TyperCommand | TyperGroup]]:
    """The commands of the command line."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return list(commands(group))


@pytest.mark.parametrize("key", list(settings_keys(Settings)))
def test_every_setting_is_documented_with_its_default(key: str) -> None:
    """A key of the settings stands in the table of `docs/configuration.md`."""
    documented = re.findall(r"^\| `([a-z_.]+)` \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)

    found = key in documented

    assert found, f"{key} is missing from docs/configuration.md"


def test_no_setting_is_documented_that_is_not_there() -> None:
    """The table of `docs/configuration.md` names nothing else."""
    documented = re.findall(r"^\| `([a-z_.]+)` \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)

    unknown = set(documented) - set(settings_keys(Settings))

    assert not unknown


def test_documented_defaults_are_those_of_the_code() -> None:
    """Each default in `docs/configuration.md` is what an empty configuration gives."""
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([^`]*)` \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    defaults = Settings.model_construct().model_dump(mode="json")

    for key, documented in rows:
        value = defaults
        for part in key.split("."):
            value = value[part]

        assert str(yaml.safe_load(documented)) == str(value) or documented == str(value), key


@pytest.mark.parametrize(("name", "command"), all_commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_is_documented(name: str, command: TyperCommand | TyperGroup) -> None:
    """A command stands in `docs/commands.md` with each of its options."""
    lines = [line for line in (DOCS / "commands.md").read_text().splitlines() if f"`{name}" in line]
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]

    missing = [option for option in options if option != "--help" and option not in " ".join(lines)]

    assert lines, f"{name} is missing from docs/commands.md"
    assert not missing, f"{name}: {missing}"


def test_every_option_of_all_commands_is_documented() -> None:
    """An option that stands before the command is in `docs/commands.md` too."""
    text = (DOCS / "commands.md").read_text()
    group = get_command(app)

    options = [option for parameter in group.params for option in parameter.opts if "completion" not in option]

    assert options
    assert [option for option in options if f"`churn-assets {option}" not in text] == []


def test_no_command_is_documented_that_is_not_there() -> None:
    """The table of commands names nothing else."""
    documented = re.findall(
        r"^\| `(churn-assets [a-z ]+?)(?: [A-Z\[\-].*)?` \|", (DOCS / "commands.md").read_text(), re.MULTILINE
    )

    unknown = set(documented) - {name for name, _ in all_commands()}

    assert documented
    assert not unknown


WATCHING = (
    monitoring.CHURN_OUTCOMES,
    monitoring.ESTIMATED_PERFORMANCE,
    monitoring.FEATURE_DRIFT,
    monitoring.REALIZED_PERFORMANCE,
    monitoring.SCORE_DRIFT,
    monitoring.SCORE_SUMMARY,
)
LEDGERS = (ALERTS, PROMOTIONS, EVALUATIONS, CANARIES, COMPARISONS, ERASURES, REWRITTEN_VERSIONS)
COLUMNS = {name for schema in (SCORES, REASONS, *LEDGERS, *WATCHING) for name in schema.names}


@pytest.mark.parametrize("column", sorted({"snapshot_date"} | COLUMNS))
def test_every_column_is_documented(column: str) -> None:
    """A column that is the same for every business stands in `docs/tables.md`."""
    text = (DOCS / "tables.md").read_text()

    found = f"`{column}`" in text

    assert found


EVERY_BOUND = GateBounds(min_slice_roc_auc=0.5, min_disparate_impact=0.8, max_hidden_share=0.5)
EVERY_GATE = gate_names(EVERY_BOUND, undersampled=True)


@pytest.mark.parametrize("gate", EVERY_GATE)
def test_every_gate_is_documented(gate: str) -> None:
    """A gate stands in the table of `docs/models.md`."""
    rows = [line for line in (DOCS / "models.md").read_text().splitlines() if line.startswith("| `")]

    found = any(f"`{gate}`" in row.split("|")[1] for row in rows)

    assert found, f"{gate} is missing from docs/models.md"


@pytest.mark.parametrize("key", [each.name for each in dataclasses.fields(Night)])
def test_every_key_of_a_night_is_documented(key: str) -> None:
    """A key that `run --json` prints stands in `docs/commands.md`."""
    [row] = [line for line in (DOCS / "commands.md").read_text().splitlines() if line.startswith("| `run` |")]

    assert f"`{key}`" in row


def test_shipped_configuration_holds_the_defaults() -> None:
    """`config.yaml` shows every group of settings, at its default."""
    shown = yaml.safe_load((ROOT / "config.yaml").read_text())
    defaults = Settings.model_construct().model_dump(mode="json")

    differing = {key for key, value in shown.items() if key != "features" and str(value) != str(defaults[key])}

    assert not differing
    assert defaults.keys() - shown.keys() == {"code_revision"}


def test_relative_links_of_the_documentation_lead_somewhere() -> None:
    """A link between the documents names a file that is there."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md"), ROOT / "data" / "README.md"]

    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]

    assert not broken


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")))
def test_every_benchmark_fits_the_code_of_today(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that the documented figures come from can be loaded: what it uses of the product is still there."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))

    module = importlib.import_module(name)

    assert module.__doc__


def test_architecture_names_only_files_that_are_there() -> None:
    """Every path in `docs/architecture.md` is one of the package, of its tests or of the documents."""
    text = (DOCS / "architecture.md").read_text()
    named = set(re.findall(r"\b(?:[a-z_]+/)+[a-z_]*(?:\.py|\.md)?", text.replace("churn_assets/", "")))
    modules = set(re.findall(r"\b[a-z_]+\.py\b", text))
    roots = [ROOT / "churn_assets", ROOT / "churn_assets_tests", ROOT, DOCS]

    missing = {path for path in named if not any((root / path).exists() for root in roots)}
    missing |= (
        modules - {path.name for path in (ROOT / "churn_assets").rglob("*.py")} - {Path(each).name for each in named}
    )

    assert len(named) > 40
    assert not missing


def test_private_names_of_libraries_are_listed() -> None:
    """What `SLF001` is suppressed for, and every import from a library's private module, stands in the table."""
    listed = (DOCS / "architecture.md").read_text()
    lines = [line for path in (ROOT / "churn_assets").rglob("*.py") for line in path.read_text().splitlines()]
    members = {name for line in lines if "noqa: SLF001" in line for name in re.findall(r"\w\.(_[a-z]\w*)", line)}
    modules = {name for line in lines for name in re.findall(r"^\s*from (\w+\._\w+(?:\.\w+)?)", line)}

    unlisted = {name for name in members | modules if f"`{name}`" not in listed}

    assert members
    assert modules
    assert not unlisted


def test_what_guards_a_private_name_is_there() -> None:
    """The tests that the table names exist."""
    table = (DOCS / "architecture.md").read_text().split("## What we lean on")[1]
    named = set(re.findall(r"`((?:unit|contracts)/[a-z_/]+\.py)`", table))

    missing = {path for path in named if not (ROOT / "churn_assets_tests" / path).is_file()}

    assert named
    assert not missing


def test_every_fault_that_is_tested_stands_in_the_table() -> None:
    """`docs/faults.md` holds what `make faults` printed: a row for each fault, and nothing that did not hold."""
    tests = [path.read_text() for path in (ROOT / "churn_assets_tests").rglob("test_*.py")]
    marked = {name for text in tests for name in re.findall(r'mark\.fault\("([^"]+)"\)', text)}
    rows = re.findall(r"^\| ([^|]+) \|((?: *[\d,]+ \|){6})$", (DOCS / "faults.md").read_text(), re.MULTILINE)

    counts = {name: [int(each.replace(",", "")) for each in cells.split("|")[:-1]] for name, cells in rows}

    assert counts.keys() == marked
    assert all(tries > 0 and not any(found) for tries, *found in counts.values())
