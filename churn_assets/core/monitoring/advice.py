"""What to do about a finding of the watching, in a sentence, and the section of the runbook that says more."""

from dataclasses import dataclass

__all__ = ["ADVICE", "Advice"]


@dataclass(frozen=True)
class Advice:
    """What to do first, and the anchor of the runbook's section."""

    what_to_do: str
    section: str

    @property
    def runbook(self) -> str:
        """Where the section stands."""
        return f"docs/runbook.md#{self.section}"


ADVICE = {
    "psi": Advice(
        "Compare the named columns of the day's export with the week before: a unit, a default, a new source? Correct "
        "the export and run the day again; where the business has changed, train anew",
        "feature_drift",
    ),
    "ks": Advice(
        "The named numbers have moved up or down as a whole: look for another unit, currency or way of counting in the "
        "export; where the business has changed, train anew",
        "feature_drift",
    ),
    "unseen_share": Advice(
        "The named columns hold words that the model never met, and takes as it takes a rare one: correct their "
        "spelling in the export, or train anew once their outcomes are known",
        "feature_drift",
    ),
    "null_share": Advice(
        "The named columns have lost values: look whether a join or a delivery of the export is missing, and run the "
        "day again",
        "feature_drift",
    ),
    "reference": Advice(
        "The scores are no longer those that the model was judged by: look at `feature_drift` of the day, and train "
        "anew where the customers have moved",
        "score_drift",
    ),
    "last_day": Advice(
        "One night has moved the scores: look at `feature_drift` of the day, and take it back by `churn-assets "
        "rollback` where the export is at fault",
        "score_drift",
    ),
    "last_week": Advice(
        "The scores have moved within a week: look at `feature_drift` of the days between, and at what changed in the "
        "exports then",
        "score_drift",
    ),
    "is_fresh": Advice(
        "The app still reads the newest day there is: look whether the export came, whether the night failed, and "
        "whether daemon and schedule are on; then `churn-assets run`",
        "stale_scores",
    ),
}
