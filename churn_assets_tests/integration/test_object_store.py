"""An installation in an object store: moved there from a disk, and then a night, its readers and its rollback."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

import churn_assets
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, Installation
from churn_assets_tests.s3_server import ACCESS_KEY, SECRET_KEY, make_bucket, serving_s3

pytestmark = pytest.mark.integration

DAY = NIGHTS[-1] + dt.timedelta(days=1)


@pytest.fixture
def stored(installation: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The same installation with its tables and models copied to a bucket, on a machine that has only its source."""
    with serving_s3() as endpoint:
        bucket = make_bucket(endpoint)
        for name in ("tables", "models"):
            copy_files(
                str(installation.data / name),
                f"{bucket}/production/{name}",
                source_filesystem=LocalFileSystem(),
                destination_filesystem=S3FileSystem(endpoint_override=endpoint),
            )
        (tmp_path / "machine").mkdir()
        (tmp_path / "machine" / "source").symlink_to(installation.data / "source")
        yield installation.having(CHURN_DATA_DIR=f"s3://{bucket}/production", CHURN_WORK_DIR=str(tmp_path / "machine"))


def test_a_night_in_an_object_store_gives_the_bytes_of_one_on_a_disk(
    installation: Installation, stored: Installation, tmp_path: Path
) -> None:
    """The same versions of every table; then each command, the library and another machine read what was published."""
    disk = installation.run("run", "--date", str(DAY), "--json")
    night = stored.run("run", "--date", str(DAY), "--json")
    assert (disk.exit_code, night.exit_code) == (0, 0), night.stderr
    uri = stored.environment["CHURN_DATA_DIR"]
    customer = churn_assets.read_scores(uri).to_table()["customer_id"][0].as_py()
    elsewhere = stored.having(CHURN_WORK_DIR=str(tmp_path / "elsewhere"))

    shown = elsewhere.run("scores", "show", customer, "--json")
    traced = elsewhere.run("trace", customer, "--json")
    status = elsewhere.run("status", "--json")
    champion = status.json["champion"]
    refused = elsewhere.run("promote", champion, "--reason", "again")
    before = elsewhere.run("rollback", "--date", str(NIGHTS[0]), "--reason", "a drill")

    assert night.json[0]["score_version"] == disk.json[0]["score_version"]
    on_disk = {path.relative_to(installation.data).as_posix() for path in _parts(installation.data)}
    assert {path.relative_to(tmp_path / "machine").as_posix() for path in _parts(tmp_path / "machine")} <= on_disk
    assert {name for name in CHAIN if any(f"tables/{name}/" in path for path in on_disk)} == set(CHAIN)
    assert shown.json["score_version"] == night.json[0]["score_version"]
    assert traced.json["model"]["model_version"] == champion
    assert status.json["snapshot_date"] == str(DAY)
    assert "is champion already" in refused.error(2)
    assert "no earlier version is left" in before.error(2)
    assert churn_assets.read_scores(uri, DAY).count_rows() == night.json[0]["scored"]
    said = "".join(each.stdout + each.stderr for each in (night, shown, traced, status, refused, before))
    assert not [key for key in (ACCESS_KEY, SECRET_KEY) if key in said]


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"tables/*/snapshot_date={DAY}/*/part-*.parquet"))
