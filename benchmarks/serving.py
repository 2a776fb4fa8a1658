"""The score service over many customers, beside the plainest endpoint there is and beside a live model.

    python benchmarks/serving.py WORK_FOLDER [--customers 5000000] [--rounds 5] [--seconds 4]

Publishes a day of so many customers with its lookup, asks the lookup inside this process, and then
three servers in turn, each with one worker, over HTTP with keep-alive connections from a process of
their own: a FastAPI endpoint that returns a constant, the score service (random customers), and a
FastAPI endpoint that loads a model with joblib and calls `predict_proba` for one row. Beside wall
clock it tells each server's CPU time a request, which a busy machine disturbs less.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.core.options import Decisions
from churn_assets.core.scoring.rows import score_rows
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import Layout
from churn_assets.storage.lookup.cache import LookupCache
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table

DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
CONNECTIONS = 8
BATCH = 262_144
LOOKUPS = 200_000
PORTS = {"constant": 8911, "scores": 8912, "live model": 8913}
FEATURES = 16
HERE = Path(__file__).resolve()


def main() -> None:
    """Publish, ask inside the process, then ask the servers in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        print(json.dumps(asyncio.run(load(given.load, given.customers, given.seconds))))
        return
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ":?")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("fastapi", "uvicorn", "uvloop", "httptools"))
    print(f"{os.cpu_count()} cores of {cpu.split(':')[1].strip()}, Python {platform.python_version()}, {libraries}")
    table = Table(Layout(given.work).table("churn_scores"))
    publish(table, given.customers)
    ask_inside(table, given.customers)
    make_model(given.work / "model.joblib")
    ask_over_http(given.work, given.customers, given.rounds, given.seconds)


def publish(table: Table, customers: int) -> None:
    """A day of scores, unless it is there from another time."""
    if table.current(DAY):
        return
    started = time.perf_counter()
    staged = table.write(DAY, SCORES, "customer_id", score_batches(customers))
    written = time.perf_counter()
    write_staged_lookup(table.root, staged)
    beside = time.perf_counter() - written
    table.publish(staged, None, Commit("score", "benchmark", model_version="20261114-86e6b2ab"))
    rows = f"{customers:,} customers"
    print(f"{rows}: scores written in {written - started:.1f} s, the lookup beside them in {beside:.2f} s")


def score_batches(customers: int) -> Iterator[pa.Table]:
    """Rows of `churn_scores` in order."""
    generator = np.random.default_rng(7)
    for start in range(0, customers, BATCH):
        count = min(BATCH, customers - start)
        ids = pa.array([f"c{number:08d}" for number in range(start, start + count)])
        yield score_rows(ids, generator.beta(1, 12, count), "20261114-86e6b2ab", Decisions())


def ask_inside(table: Table, customers: int) -> None:
    """Time single lookups in this process."""
    started = time.perf_counter()
    lookup = LookupCache(table.root).get(table.version(DAY))
    print(f"lookup opened and verified in {time.perf_counter() - started:.2f} s")
    asked = [f"c{number:08d}" for number in random.Random(1).choices(range(customers), k=LOOKUPS)]  # noqa: S311
    for name in ("first time", "warm"):
        took = []
        for customer in asked:
            begun = time.perf_counter_ns()
            lookup.find(customer)
            took.append(time.perf_counter_ns() - begun)
        took.sort()
        p50, p99 = (took[int(share * len(took))] / 1e6 for share in (0.5, 0.99))
        print(f"lookup, {name}: p50 {p50:.4f} ms, p99 {p99:.4f} ms over {LOOKUPS:,} random customers")


def make_model(path: Path) -> None:
    """What a live service would load: a gradient boosting of as many features as the sample's profile has."""
    import joblib  # noqa: PLC0415  # only the rival needs it
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  # as above

    generator = np.random.default_rng(7)
    features = generator.normal(size=(20_000, FEATURES))
    leaving = features[:, 0] + generator.normal(size=len(features)) > 2  # noqa: PLR2004  # about 8 % of them
    joblib.dump(HistGradientBoostingClassifier(random_state=7).fit(features, leaving), path)


def constant_app() -> Any:
    """The plainest endpoint: FastAPI, and a constant."""
    from fastapi import FastAPI  # noqa: PLC0415  # in the server's process alone

    app = FastAPI()

    @app.get("/constant")
    async def constant() -> dict[str, Any]:
        return {"customer_id": "c00000001", "churn_probability": 0.125, "risk_tier": "low", "action": "none"}

    return app


def live_app() -> Any:
    """A live model: FastAPI, joblib, `predict_proba` for one row."""
    import joblib  # noqa: PLC0415  # in the server's process alone
    import pandas as pd  # noqa: PLC0415  # as above
    from fastapi import FastAPI  # noqa: PLC0415  # as above

    app = FastAPI()
    model = joblib.load(os.environ["LIVE_MODEL"])

    @app.get("/predict/{customer_id}")
    async def predict(customer_id: str) -> dict[str, Any]:
        row = pd.DataFrame([[hash(customer_id) % 7 / 7] * FEATURES])
        return {"customer_id": customer_id, "churn_probability": float(model.predict_proba(row.to_numpy())[0, 1])}

    return app


def ask_over_http(work: Path, customers: int, rounds: int, seconds: float) -> None:
    """Ask the servers in turn, so that a ratio compares neighbours in time."""
    environment = os.environ | {"CHURN_DATA_DIR": str(work), "LIVE_MODEL": str(work / "model.joblib")}
    environment["OMP_NUM_THREADS"] = "1"  # the model's own threads would fight over a row
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "--no-access-log", "--log-level", "warning"]
    churn_assets = str(Path(sys.executable).parent / "churn-assets")
    commands = {
        "constant": [*uvicorn, "--port", str(PORTS["constant"]), "serving:constant_app"],
        "scores": [churn_assets, "serve", "--port", str(PORTS["scores"])],
        "live model": [*uvicorn, "--port", str(PORTS["live model"]), "serving:live_app"],
    }
    ready = {"constant": "/constant", "scores": "/readyz", "live model": "/predict/c1"}
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            with (work / f"{name}.log").open("wb") as log:
                started = time.perf_counter()
                servers[name] = subprocess.Popen(command, cwd=HERE.parent, env=environment, stderr=log)
            wait(f"http://127.0.0.1:{PORTS[name]}{ready[name]}", servers[name])
            print(f"{name}: ready {time.perf_counter() - started:.2f} s after its start")
        told: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, server in servers.items():
                told[name].append(measure(name, server, customers, seconds))
        report(told, servers["scores"])
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()


def wait(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    while server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # our own server
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{server.args!r} ended")


def measure(name: str, server: subprocess.Popen[bytes], customers: int, seconds: float) -> dict[str, float]:
    """One round of load from another process, and the CPU time that it cost the server."""
    before = cpu_seconds(server.pid)
    command = [sys.executable, str(HERE), ".", "--load", name, "--customers", str(customers), "--seconds", str(seconds)]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    told["cpu_us"] = (cpu_seconds(server.pid) - before) / told["requests"] * 1e6
    line = f"{told['rate']:8,.0f} requests a second   p50 {told['p50']:6.2f} ms   p99 {told['p99']:7.2f} ms"
    print(f"  {name:<10} {line}   {told['cpu_us']:6.0f} us of CPU a request", flush=True)
    return told


def report(told: dict[str, list[dict[str, float]]], scores: subprocess.Popen[bytes]) -> None:
    """Medians and ratios of neighbouring rounds."""
    for name, rounds in told.items():
        middle = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        print(
            f"{name}: {middle['rate']:,.0f} requests a second, p50 {middle['p50']:.2f} ms, p99 {middle['p99']:.2f} ms"
        )

    def ratio(key: str, beside: str, of: Callable[[float, float], float]) -> float:
        return statistics.median(of(a[key], b[key]) for a, b in zip(told["scores"], told[beside], strict=True))

    rate, p99 = (ratio(key, "constant", lambda ours, theirs: ours / theirs) for key in ("rate", "p99"))
    cpu = ratio("cpu_us", "constant", lambda ours, theirs: theirs / ours)
    print(f"scores beside the constant: {rate:.2f} of its requests a second, {p99:.2f} times its p99; by CPU {cpu:.2f}")
    live = ratio("rate", "live model", lambda ours, theirs: ours / theirs)
    print(f"scores beside the live model: {live:.1f} times its requests a second")
    lines = Path(f"/proc/{scores.pid}/status").read_text().splitlines()
    memory = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "Rss"))}
    print(
        f"scores, resident: {memory['VmRSS']:.0f} MiB, of which {memory['RssAnon']:.0f} its own, the rest mapped files"
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(name: str, customers: int, seconds: float) -> dict[str, float]:
    """Keep a few connections busy, each with one request at a time."""
    paths = {"constant": "/constant", "scores": "/v1/scores/c{:08d}", "live model": "/predict/c{:08d}"}
    deadline = time.perf_counter() + seconds
    took: list[float] = []
    await asyncio.gather(*(ask(name, paths[name], customers, deadline, took) for _ in range(CONNECTIONS)))
    took.sort()
    p50, p99 = (took[int(share * len(took))] * 1000 for share in (0.5, 0.99))
    return {"requests": len(took), "rate": len(took) / seconds, "p50": p50, "p99": p99}


async def ask(name: str, path: str, customers: int, deadline: float, took: list[float]) -> None:
    """One connection's requests, until the deadline."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORTS[name])
    while (begun := time.perf_counter()) < deadline:
        wanted = path.format(random.randrange(customers))  # noqa: S311  # which customer is asked for
        writer.write(f"GET {wanted} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{wanted}: {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        took.append(time.perf_counter() - begun)
    writer.close()


if __name__ == "__main__":
    main()
