"""The record of erasures, and the secret without which it knows nobody."""

from pathlib import Path

import pytest

from churn_assets.core.errors import RunError
from churn_assets.storage.erasure.record import ErasureRecord
from churn_assets.storage.layout import ERASURE_KEY, Layout


@pytest.fixture
def record(tmp_path: Path) -> ErasureRecord:
    """A record in which an erasure of `c1` has begun."""
    record = ErasureRecord(Layout(tmp_path))
    record.begin("c1", "tester", "ticket 12")
    return record


def test_an_erasure_goes_on_until_it_is_done(record: ErasureRecord) -> None:
    """Begun twice it is one; once it is done it may begin anew, and the customer is known from the first."""
    since = record.begin("c1", "another", "ticket 12 again")
    under_way = record.is_under_way("c1")
    erased = record.erased()

    for _ in range(2):
        record.finish(record.hash_of("c1"), {"customers": 3}, 3)
    done = record.last("c1")
    again = record.begin("c1", "tester", "they came back")

    assert done is not None
    assert (done["event"], done["actor"], done["tables"], done["versions"]) == ("done", "tester", '{"customers": 3}', 3)
    assert (under_way, again > since, record.is_under_way("c2")) == (True, True, False)
    assert erased.hashes == record.erased().hashes == {record.hash_of("c1")}
    assert (record.last("c2"), len(record.hash_of("c1"))) == (None, 32)


def test_where_the_secret_is_gone_nobody_is_known_again(record: ErasureRecord, tmp_path: Path) -> None:
    """A landing then fails, and no new secret is made that would hide it; a secret that is none is refused too."""
    secret = tmp_path / ERASURE_KEY
    kept = secret.read_text()
    secret.unlink()

    with pytest.raises(RunError, match=r"erasure.key cannot be read, .* restore it from a backup"):
        record.erased()
    with pytest.raises(RunError, match=r"erasure.key is gone, .* restore it from a backup"):
        record.begin("c2", "tester", "ticket 13")
    secret.write_text("no secret")
    with pytest.raises(RunError, match=r"erasure.key cannot be read"):
        record.is_under_way("c1")
    secret.write_text(kept)

    assert record.is_under_way("c1")


def test_nobody_erased_is_no_secret(tmp_path: Path) -> None:
    """Looking makes nothing: no record, and no secret."""
    record = ErasureRecord(Layout(tmp_path))

    found = (record.erased().hashes, record.hash_of("c1"), record.last("c1"), record.is_under_way("c1"))

    assert found == (frozenset(), "", None, False)
    assert list(tmp_path.iterdir()) == []
