"""A real S3 server on this machine, and what reaches it, for tests only."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow.fs import S3FileSystem

from churn_assets.core.object_store import ObjectStore, StorageOptions
from churn_assets.storage.layout import Layout

__all__ = ["ACCESS_KEY", "SECRET_KEY", "make_bucket", "object_store", "objects", "proxied", "serving_s3"]

ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"  # AWS's own example
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
QUICK = StorageOptions(connect_seconds=2, request_seconds=2, attempts=3)


@contextmanager
def serving_s3() -> Iterator[str]:
    """Serve S3 from a process of its own; gives the endpoint, which the environment names meanwhile, with keys.

    Delta's library keeps other threads of this process from working while it waits for an answer.
    """
    with _process("-c", SERVER) as endpoint, _environment(endpoint):
        yield endpoint


@contextmanager
def proxied(endpoint: str) -> Iterator[str]:
    """A proxy in front of `endpoint`, which the environment names meanwhile; `faulty_s3.inject` tells it what to do."""
    with _process("-m", "churn_assets_tests.faulty_s3", endpoint) as proxy, _environment(proxy):
        yield proxy


@contextmanager
def _process(*arguments: str) -> Iterator[str]:
    server = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.communicate()  # it ends with its input


@contextmanager
def _environment(endpoint: str) -> Iterator[None]:
    told = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def make_bucket(endpoint: str) -> str:
    """A new bucket; its name."""
    bucket = f"churn-{uuid.uuid4().hex[:12]}"
    S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True).create_dir(bucket)
    return bucket


def object_store(endpoint: str, bucket: str, mirror: Path, options: StorageOptions = QUICK) -> ObjectStore:
    """A data folder in a bucket, which `mirror` mirrors."""
    return ObjectStore(f"s3://{bucket}/production", mirror, endpoint, options)


def objects(store: ObjectStore) -> dict[str, int]:
    """Everything that is stored, by the name below the data folder, with its size."""
    return Layout.of(store).folder.listed()
