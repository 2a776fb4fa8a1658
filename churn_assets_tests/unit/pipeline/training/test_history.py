"""History that training needs: made once, and told anew where only the code changed."""

import datetime as dt
from pathlib import Path

from churn_assets.core.profile import Profile
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.training.training_data import plan_training
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.factories import MEMBERS

AS_OF = dt.date(2026, 4, 30)
HORIZON = dt.timedelta(days=30)
RUN = RunContext("tester")


def edited(profile: Profile) -> Profile:
    """The profile after an edit of its source that changes no value."""
    fields = {name: getattr(profile, name) for name in ("schema", "add_features", "feature_columns", "label")}
    return Profile(**fields, past_columns=profile.past_columns, name=profile.name, source_digest="1" * 64)


def test_an_edit_that_changes_no_feature_does_not_keep_training_out(tmp_path: Path) -> None:
    """Features with the same bytes are recorded as made by the new code: no version is new, training goes on."""
    for back in range(91):
        export(tmp_path, AS_OF - dt.timedelta(days=back))
    before = plan_training(chain_over(tmp_path), AS_OF, RUN)
    changed = chain_over(tmp_path, profile=edited(MEMBERS))

    after = plan_training(changed, AS_OF, RUN)

    assert after.inputs == before.inputs
    [newest] = {event.commit.details["feature_digest"] for event in changed.features.history(AS_OF - HORIZON)[-1:]}
    assert newest == changed.feature_digest
