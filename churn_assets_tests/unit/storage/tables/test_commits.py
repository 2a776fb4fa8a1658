"""What the commits of a partition tell, and which version a rollback goes to."""

import datetime as dt
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from churn_assets.core.errors import UnknownVersion
from churn_assets.storage.tables.commits import (
    Commit,
    CommitKind,
    Event,
    commit_metadata,
    read_event,
    undo_stack,
    version_before,
)
from churn_assets_tests.storage_factories import DAY

VERSIONS = st.sampled_from(["a", "b", "c"])


def event(version: str, kind: CommitKind = "score") -> Event:
    """A commit that made `version` current."""
    return Event(DAY, version, 1, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), Commit(kind, "tester"))


def events(told: str) -> list[Event]:
    """Events in short: `a` publishes version a, `<a` rolls back to it."""
    return [event(each[-1], "rollback" if each.startswith("<") else "score") for each in told.split()]


@dataclass
class Walk:
    """The specification in words of its own: a person who can only step back to where they came from."""

    steps: list[str] = field(default_factory=list)

    def publish(self, version: str) -> None:
        """Step to another version; to stay is no step."""
        if not self.steps or self.steps[-1] != version:
            self.steps.append(version)

    def back(self) -> str:
        """Leave the current version for the one before it."""
        self.steps.pop()
        return self.steps[-1]

    def back_to(self, version: str) -> None:
        """Go back to the latest stay at `version`, or step to it where it was withdrawn."""
        if version not in self.steps:
            self.publish(version)
            return
        while self.steps[-1] != version:
            self.steps.pop()


class Rollbacks(RuleBasedStateMachine):
    """Any order of publishes and rollbacks, against the walk."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.walk = Walk()

    @rule(version=VERSIONS)
    def publish(self, version: str) -> None:
        """Publishing the current content again commits nothing, so there is no event of it."""
        if self.walk.steps[-1:] != [version]:
            self.events.append(event(version))
        self.walk.publish(version)

    @precondition(lambda self: len(self.walk.steps) > 1)
    @rule()
    def roll_back(self) -> None:
        """Without a name, a rollback goes to the version before the current one."""
        target = version_before(self.events, "here", "name one")
        self.events.append(event(target, "rollback"))
        assert target == self.walk.back()

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def roll_back_to(self, data: st.DataObject) -> None:
        """With a name, it goes to any version that was ever published, but the current one."""
        others = sorted({each.version for each in self.events} - {self.walk.steps[-1]})
        if others:
            version = data.draw(st.sampled_from(others))
            self.events.append(event(version, "rollback"))
            self.walk.back_to(version)

    @invariant()
    def the_way_back_is_the_way_that_was_gone(self) -> None:
        """What a rollback can go through is the walk, and its end is current."""
        assert undo_stack(self.events) == self.walk.steps


TestRollbacks = Rollbacks.TestCase
TestRollbacks.settings = settings(max_examples=100, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize(
    ("told", "stack"),
    [
        ("", ""),
        ("a", "a"),
        ("a b c", "a b c"),
        ("a b c <b", "a b"),
        ("a b c <b <a", "a"),
        ("a b <a b", "a b"),
        ("a b <a c", "a c"),
        ("a b <a <b", "a b"),
        ("a b c <a c", "a c"),
        ("a b a", "a b a"),
        ("a b a <b", "a b"),
        ("a b a <b <a", "a"),
    ],
)
def test_the_way_back(told: str, stack: str) -> None:
    """Publishing puts a version on top; a rollback takes off what lies above the one it goes back to."""
    versions = undo_stack(events(told))

    assert versions == stack.split()


def test_a_version_that_was_published_twice_is_gone_back_to_where_it_was_last() -> None:
    """After a, b, a, c a rollback goes to the second a, so the next one goes to b."""
    told = events("a b a c <a")

    assert version_before(told, "here", "name one") == "b"


@given(st.lists(VERSIONS, min_size=1, max_size=12))
def test_rollbacks_alone_go_back_through_every_publish(published: list[str]) -> None:
    """However often contents return, rollback after rollback meets them all in the opposite order, then fails."""
    distinct = [one for at, one in enumerate(published) if at == 0 or published[at - 1] != one]
    told = [event(version) for version in distinct]

    met = []
    for _ in distinct[1:]:
        met.append(version_before(told, "here", "name one"))
        told.append(event(met[-1], "rollback"))

    assert met == distinct[-2::-1]
    with pytest.raises(UnknownVersion):
        version_before(told, "here", "name one")


@pytest.mark.parametrize("told", ["", "a", "a b <a"])
def test_nothing_left_to_go_back_to_is_an_error_that_says_where(told: str) -> None:
    """With no version before the current one, the sentence names the place and the way to name a version."""
    with pytest.raises(UnknownVersion, match=r"scores 2026-10-31: no earlier version.*: use --to"):
        version_before(events(told), "scores 2026-10-31", "use --to")


def test_an_event_survives_its_commit() -> None:
    """Actor, reason, run, model, code and details are read from a commit as they were written."""
    details = {"raw": 5, "mean": 0.25}
    commit = Commit("score", "Ana Šimić", "late\nexport", "run-1", "20261001-3f9a1c2b", "0123abc-dirty", details)

    told = read_event(commit_metadata(DAY, "abc", 5, commit))

    assert (told.day, told.version, told.rows, told.commit) == (DAY, "abc", 5, commit)
    assert told.published_at.tzinfo is not None


def test_a_commit_without_a_code_revision_is_read() -> None:
    """A commit of a release that did not tell its code is read, its revision empty."""
    metadata = commit_metadata(DAY, "abc", 5, Commit("score", "tester", code_revision="0123abc"))
    del metadata["code_revision"]

    told = read_event(metadata)

    assert told.commit == Commit("score", "tester")


def test_a_commit_holds_text_only() -> None:
    """Delta keeps text, so whatever the details hold, every value is text."""
    commit = Commit("land", "tester", details={"days": [DAY], "size": 3})

    metadata = commit_metadata(DAY, "abc", 5, commit)

    assert all(isinstance(value, str) for value in metadata.values())
    assert json.loads(metadata["details"]) == {"days": ["2026-10-31"], "size": 3}
