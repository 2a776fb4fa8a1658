"""What an object store costs a night: the same night on an S3 server of this machine and on its disk, in turn.

    python benchmarks/night_on_s3.py WORK_FOLDER [--customers 200000] [--rounds 3]

The server is moto, in Python and on the same cores: its own work is in the seconds, never in the processor seconds. The
night's own are whole processes of the command line; before each one the day's partitions are as if it had never run.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import CHURN_ASSETS, Run, machine, run
from preparing import prepare, without_day
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

SERVER = """
import sys
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler
WSGIRequestHandler.log_request = lambda *_: None
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
KEYS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_REGION": "us-east-1"}
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
    command = [sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    endpoint = f"http://127.0.0.1:{server.stdout.readline().strip() if server.stdout else ''}"
    try:
        bucket = S3FileSystem(
            endpoint_override=endpoint,
            access_key="benchmark",
            secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            allow_bucket_creation=True,
        )
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
        given = {"CHURN_DATA_DIR": f"s3://{BUCKET}", "CHURN_WORK_DIR": str(mirror.absolute())}
        yield {**KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", **given}
    finally:
        server.communicate()


def _told(name: str, one: Run) -> str:
    return f"{name} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"


if __name__ == "__main__":
    main()
