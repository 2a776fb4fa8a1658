"""Fault tests count what they tried and what did not hold; `make faults` prints it as one table."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from churn_assets_tests.fault_tally import Tally, fault_table
from churn_assets_tests.postgres import PostgresServer, postgres_server

if TYPE_CHECKING:
    from churn_assets.pipeline.chain import Chain


def pytest_addoption(parser: pytest.Parser) -> None:
    """Whether the table is printed."""
    parser.addoption("--fault-table", action="store_true", help="print what the fault tests tried and found")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """A report tells the fault that its test is marked with."""
    for item in items:
        if (marker := item.get_closest_marker("fault")) is not None:
            item.user_properties.append(("fault", marker.args[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, after everything else but the closing line."""
    if config.getoption("--fault-table"):
        ended = [report for status in ("passed", "failed") for report in terminalreporter.getreports(status)]
        properties = [(dict(report.user_properties), report.failed) for report in ended if report.when == "call"]
        terminalreporter.write_line(fault_table(properties))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """What the test tried, and what did not hold; it stands in the table of `make faults`."""
    tally = Tally()
    record_property("tally", tally.counts)
    return tally


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL; a test creates a database of its own in it, and leaves it running."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def aged(tmp_path_factory: pytest.TempPathFactory) -> "Chain":
    """A data folder in which much has had its time, and killed writers have left something; not to be changed."""
    from churn_assets_tests.aged import aged_chain  # noqa: PLC0415  # tables are loaded where a test asks for them

    return aged_chain(tmp_path_factory.mktemp("aged"))
