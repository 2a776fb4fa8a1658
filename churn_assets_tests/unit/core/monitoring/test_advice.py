"""What to do about a finding is written down where the finding says it is."""

import re
from pathlib import Path

from churn_assets.core.monitoring.advice import ADVICE

RUNBOOK = Path(__file__).parents[4] / "docs" / "runbook.md"


def test_every_advice_links_a_section_of_the_runbook() -> None:
    """The anchor is that of a heading, in words as a reader's browser makes it."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    linked = {advice.section for advice in ADVICE.values()}

    assert linked <= anchors
    assert all(advice.what_to_do for advice in ADVICE.values())
