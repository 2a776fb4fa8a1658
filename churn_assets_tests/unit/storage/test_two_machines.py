"""One data folder in a bucket, and machines whose mirrors are behind: what counts is what everybody finds."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.core.table_schemas import REASONS
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.erasure import forget_customer
from churn_assets.pipeline.maintenance.expire import plan_expiry
from churn_assets.pipeline.monitoring.night_report import NightReport, night_report, retell_night
from churn_assets.storage.erasure.golden import golden_rows_of
from churn_assets.storage.layout import Layout, lookup_folder, report_file
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.reasons.published import PublishedReasons
from churn_assets.storage.scores.night_reports import write_night_report
from churn_assets.storage.tables.table import Table
from churn_assets_tests.chains import chain_over
from churn_assets_tests.s3_server import make_bucket, object_store, objects, serving_s3
from churn_assets_tests.storage_factories import DAY, make_card, make_kept, publish, reason_rows_of, score_rows

RUN = RunContext("tester", reason="ticket 12")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    with serving_s3() as endpoint:
        yield endpoint


class Machines:
    """A data folder in a bucket of its own; each machine is a chain with a mirror that holds nothing yet."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self._endpoint, self._folder, self._bucket = endpoint, folder, make_bucket(endpoint)

    def machine(self, name: str) -> Chain:
        """One of them, by the name of its mirror."""
        mirror = self._folder / name
        return chain_over(mirror, layout=Layout.of(object_store(self._endpoint, self._bucket, mirror)))


@pytest.fixture
def machines(endpoint: str, tmp_path: Path) -> Machines:
    """Machines that share an empty bucket."""
    return Machines(endpoint, tmp_path)


def stored(chain: Chain) -> set[str]:
    """The names of all objects."""
    assert chain.layout.store is not None
    return set(objects(chain.layout.store))


def told(chain: Chain) -> NightReport:
    """The report of the day, told anew and kept."""
    report = retell_night(chain, DAY)
    assert report is not None
    return report


def test_a_report_that_is_told_anew_is_everybodys(machines: Machines) -> None:
    """What the watching adds to a night's report goes to the bucket, and not into one machine's mirror alone."""
    here = machines.machine("here")
    version = publish(here.scores, score_rows(20)).version

    report = told(here)

    for suffix, text in (("md", report.page), ("svg", report.picture)):
        content = here.layout.folder.read(f"tables/churn_scores/{report_file(DAY, version, suffix)}")
        assert content == text.encode()


def test_the_audit_of_a_night_that_was_run_again_is_told_everywhere(machines: Machines) -> None:
    """The scores are the same, and so is their version; a machine that has read the facts of before hears the new."""
    here, there = (machines.machine(name) for name in ("here", "there"))
    publish(here.scores, score_rows(20))
    facts = told(here).facts
    before = told(there).facts

    write_night_report(here.scores.folder, facts.model_copy(update={"beyond": ("spend moved",)}), "# A night\n", "")

    assert before == facts
    assert night_report(there, DAY).facts.beyond == ("spend moved",)


def test_a_mirrored_card_is_not_believed_once_it_was_changed(machines: Machines) -> None:
    """A machine that holds a model from before an erasure: it serves, is judged by today's card, and nobody is back."""
    here, there = (machines.machine(name) for name in ("here", "there"))
    kept, card = make_kept(), make_card()
    ModelStore(here.layout.models).save({"a": "model"}, card, kept)
    behind = ModelStore(there.layout.models)
    behind.golden(behind.card(card.model_version))
    in_part = ModelStore(machines.machine("in part").layout.models)
    in_part.card(card.model_version)
    forget_customer(here, "c1", RUN)
    today = stored(here)

    again = behind.save({"a": "model"}, card, kept)
    verified = in_part.verify(card.model_version)

    assert again == verified == ModelStore(here.layout.models).card(card.model_version)
    assert golden_rows_of(behind, card.model_version, "customer_id", "c1") == 0
    assert stored(here) == today
    assert not any((here.layout.folder.read(name) or b"").count(b"c1\x00") for name in today if "golden" in name)


def test_a_model_that_was_mirrored_in_part_and_went_is_stored_whole(machines: Machines) -> None:
    """Of a model that expired another machine still holds the card: trained again, all its files are stored again."""
    here, there = (machines.machine(name) for name in ("here", "there"))
    card = ModelStore(here.layout.models).save({"a": "model"}, make_card(), make_kept())
    behind = ModelStore(there.layout.models)
    behind.card(card.model_version)
    before = stored(here)
    here.layout.folder.delete_folder(f"models/{card.model_version}", "card.json")

    behind.save({"a": "model"}, make_card(), make_kept())

    assert stored(here) == before
    assert ModelStore(machines.machine("third").layout.models).verify(card.model_version) == card


def test_reasons_are_found_by_the_name_that_an_erasure_gave_the_scores(machines: Machines) -> None:
    """Who asks all the time meets them after somebody without reasons was erased, which the reasons hear nothing of."""
    here, service = machines.machine("here"), machines.machine("service")
    version = publish(here.scores, score_rows(20)).version
    rows = reason_rows_of({"c0000001": {"visits": 0.5}})
    details = {"score_version": version, "explained": 1}
    publish(Table(here.layout.table("churn_reasons")), rows, kind="explain", details=details)
    reasons = PublishedReasons(service.layout)
    before = reasons.day(DAY, version)

    forget_customer(here, "c0000007", RUN)
    after = reasons.day(DAY, here.scores.current(DAY) or "")

    assert before is not None
    assert after is not None
    assert after.of(["c0000001"]) == before.of(["c0000001"]) != {}
    assert here.scores.current(DAY) != version
    assert reasons.day(DAY + dt.timedelta(days=1), version) is None
    assert rows.schema == REASONS


def test_what_a_first_night_that_was_killed_left_is_no_table(machines: Machines) -> None:
    """A lookup is stored before its table has a log: until then there is no table, and every look at all goes on."""
    here = machines.machine("here")
    left = here.layout.table("churn_scores") / lookup_folder(DAY, "0123") / "keys.npy"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    here.layout.table("churn_scores").push([left])

    tables = here.layout.tables()
    planned = plan_expiry(here, dt.datetime.now(dt.UTC) + dt.timedelta(days=400))
    publish(here.scores, score_rows(10))

    assert (tables, planned) == ([], [])
    assert [root.name for root in here.layout.tables()] == ["churn_scores"]
