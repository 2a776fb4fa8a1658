"""What an object store costs a night: the same night on an S3 server of this machine and on its disk, in turn.

    python benchmarks/night_on_s3.py WORK_FOLDER [--customers 200000] [--rounds 3]

The server is moto, in Python and on the same cores: its own work is in the seconds, never in the processor seconds. The
night's own are whole processes of the command line; before each one the day's partitions are as if it had never run.
"""

import argparse
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import CHURN_ASSETS, Run, machine, run
from preparing import prepare, without_day
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

from churn_assets_tests.s3_server import serving_s3

BUCKET = "benchmark"


def main() -> None:
    """Prepare once, then time both in turn and print the ratios pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    day = prepare(given.work, given.customers)
    night = [CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark", "--json"]
    ratios = []
    for _ in range(given.rounds):
        without_day(given.work, day)
        with _stored(given.work) as environment:
            stored = run(night, **environment)
        without_day(given.work, day)
        disk = run(night, CHURN_DATA_DIR=str(given.work.absolute()))
        ratios.append((stored.cpu / disk.cpu, stored.seconds / disk.seconds))
        print(_told("object store", stored), _told("disk", disk), sep="   ", flush=True)
    cpu, seconds = (statistics.median(each) for each in zip(*ratios, strict=True))
    print(f"an object store takes {cpu:.2f} times the processor's seconds and {seconds:.2f} times the time")


@contextmanager
def _stored(work: Path) -> Iterator[dict[str, str]]:
    """The installation in a bucket, mirrored by an empty folder; the environment of who uses it."""
    with serving_s3() as endpoint:
        bucket = S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True)
        bucket.create_dir(BUCKET)
        for name in ("tables", "models"):
            folder = str((work / name).absolute())
            copy_files(folder, f"{BUCKET}/{name}", LocalFileSystem(), bucket)
        mirror = work / "mirror"
        for name in ("tables", "models"):
            shutil.rmtree(mirror / name, ignore_errors=True)
        mirror.mkdir(exist_ok=True)
        if not (mirror / "source").exists():
            (mirror / "source").symlink_to((work / "source").absolute())
        yield {"CHURN_DATA_DIR": f"s3://{BUCKET}", "CHURN_WORK_DIR": str(mirror.absolute())}


def _told(name: str, one: Run) -> str:
    return f"{name} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"


if __name__ == "__main__":
    main()
