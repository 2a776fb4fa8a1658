"""The runbook has a section for whatever can be told to whoever is on call, with a command to begin with."""

import re
from pathlib import Path

import pytest

from churn_assets.assets.build import build
from churn_assets.assets.results import RunResults
from churn_assets.core.alerting.alerts import CONDITIONS
from churn_assets.core.evaluation.gates import gate_names
from churn_assets.core.monitoring.advice import ADVICE
from churn_assets.core.options import GateBounds, Schedule
from churn_assets_tests.chains import chain_over

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text()
EVERY_GATE = GateBounds(min_slice_roc_auc=0.5, min_disparate_impact=0.8, max_hidden_share=0.5)
ADVISED = {name: advice.section for name, advice in ADVICE.items()} | {"calibration_in_the_large": "calibration"}
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def sections() -> dict[str, str]:
    """The text below each heading, by its anchor."""
    parts = HEADING.split(RUNBOOK)
    return {anchor(heading): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def anchor(heading: str) -> str:
    """How a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def checks(folder: Path) -> set[str]:
    """Every check of the code location, with every gate on."""
    chain = chain_over(folder, gates=EVERY_GATE)
    graph = build(chain, Schedule(), RunResults()).resolve_asset_graph()
    return {key.name for key in graph.asset_check_keys}


def test_every_check_and_gate_has_a_section(tmp_path: Path) -> None:
    """By its own name, or below that of the alert that goes with it: it is named there, and so is a command."""
    gates = set(gate_names(EVERY_GATE, undersampled=True))
    found = checks(tmp_path)
    told = {name: sections().get(ADVISED.get(name, name), "") for name in found | gates}

    missing = [name for name, text in told.items() if not text]
    without_command = [name for name, text in told.items() if "churn-assets" not in text and "As `" not in text]
    unnamed = [name for name in found & ADVISED.keys() if f"`{name}`" not in RUNBOOK]

    assert gates <= found
    assert "rows_conserved" in found
    assert missing == []
    assert without_command == []
    assert unnamed == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_alert_has_a_section(condition: str) -> None:
    """The one that its message points to."""
    assert condition in sections()


def test_every_link_into_the_runbook_leads_somewhere() -> None:
    """From its own contents, and from the other pages."""
    inside = re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)
    outside = [found for page in DOCS.glob("*.md") for found in re.findall(r"runbook\.md#([\w-]+)", page.read_text())]

    assert len(inside) > 20
    assert sorted({*inside, *outside} - sections().keys()) == []
