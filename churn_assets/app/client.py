"""A client for programs that ask the score service: typed, patient within limits, never in a page's way.

    with ScoreClient("http://scores.internal:8000", key=KEY) as scores:
        score = scores.score_or_none(customer_id)      # None: show the page without an offer

It needs httpx and nothing else of this package. One client may be shared by threads.

ScoreServiceError        the service gave no score
├── UnknownScore         it has none: of this customer, or of this day
├── Unavailable          it could not be reached or has nothing to serve, also after every retry
└── Refused              the request or the key is wrong: retrying does not help
"""

import datetime as dt
import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

__all__ = [
    "Reason",
    "Refused",
    "Score",
    "ScoreClient",
    "ScoreServiceError",
    "Scores",
    "Snapshot",
    "Unavailable",
    "UnknownScore",
]

RETRIED = {429, 500, 502, 503, 504}
BATCH = 1000
LONGEST_IN_PATH = 2000
UNKNOWN = (":unknown-customer", ":unknown-snapshot")  # the types of problems that say that there is no score
JSON = {"Content-Type": "application/json"}
logger = logging.getLogger(__name__)


class ScoreServiceError(Exception):
    """The service gave no score; `problem` is what it said, if it answered."""

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class UnknownScore(ScoreServiceError):
    """No score of this customer, or no scores of this day."""


class Unavailable(ScoreServiceError):
    """The service could not be reached, or has nothing to serve, also after every retry."""


class Refused(ScoreServiceError):
    """The request or the key is wrong; retrying does not help."""


@dataclass(frozen=True)
class Reason:
    """What moves a customer's score, by how much in log-odds, and the sentence for it."""

    rank: int
    family: str
    feature: str
    contribution: float
    direction: str
    value: str
    sentence: str


@dataclass(frozen=True)
class Score:
    """One customer's score; `reasons` only where they were asked for and made, the strongest first."""

    customer_id: str
    snapshot_date: dt.date
    churn_probability: float
    risk_tier: str
    action: str
    model_version: str
    score_version: str
    stale: bool
    reasons: tuple[Reason, ...] | None = None


@dataclass(frozen=True)
class Scores:
    """The scores of a batch by customer, and who has none."""

    scores: dict[str, Score]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """What is current for one day."""

    snapshot_date: dt.date
    score_version: str
    rows: int
    model_version: str
    published_at: dt.datetime


class ScoreClient:
    """Asks one score service."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout: float = 1.0,
        retries: int = 2,
        backoff: float = 0.05,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """For the service at `base_url`.

        Args:
            base_url: such as `https://scores.internal`.
            key: an API key, where the service has keys.
            timeout: seconds in which an attempt must be connected, and in which more of its answer must arrive.
            retries: further attempts after one that failed for a reason that may pass.
            backoff: seconds before the first of them; doubled each time, with jitter.
            sleep: waits between attempts.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout)
        self._retries = retries
        self._backoff = backoff
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def score(self, customer_id: str, snapshot_date: dt.date | None = None, *, reasons: bool = False) -> Score:
        """One customer's score, of the newest day where none is named, with its reasons where they are asked for.

        Raises:
            UnknownScore, Unavailable, Refused: there is none to be had.
        """
        quoted = quote(customer_id, safe="", errors="surrogatepass")
        if customer_id in {".", ".."} or len(quoted) > LONGEST_IN_PATH:  # what a URL cannot carry goes into a body
            found = self.scores([customer_id], snapshot_date, reasons=reasons).scores
            if customer_id not in found:
                raise UnknownScore("this customer has no score")
            return found[customer_id]
        params = {"snapshot_date": snapshot_date.isoformat()} if snapshot_date else {}
        params |= {"reasons": "true"} if reasons else {}
        answer = self._ask("GET", f"/v1/scores/{quoted}", params=params or None)
        with _of_known_shape():
            return _score(answer)

    def score_or_none(self, customer_id: str, snapshot_date: dt.date | None = None) -> Score | None:
        """One customer's score, None where there is none for whatever reason: a page goes on without.

        An outage and a refusal are logged as warnings, without the id; an unknown customer is none.
        """
        try:
            return self.score(customer_id, snapshot_date)
        except UnknownScore:
            return None
        except ScoreServiceError as error:
            logger.warning("no score: %s", error)
            return None

    def scores(
        self, customer_ids: Iterable[str], snapshot_date: dt.date | None = None, *, reasons: bool = False
    ) -> Scores:
        """The scores of any number of customers, asked for in batches of 1,000, each of one version.

        Raises:
            UnknownScore, Unavailable, Refused: there are none to be had.
        """
        found: dict[str, Score] = {}
        missing: list[str] = []
        remaining = iter(dict.fromkeys(customer_ids))
        while batch := list(islice(remaining, BATCH)):
            body: dict[str, Any] = {"customer_ids": batch} | ({"reasons": True} if reasons else {})
            if snapshot_date:
                body["snapshot_date"] = snapshot_date.isoformat()
            content = json.dumps(body)  # in ASCII: an id may hold what is no text, which the service refuses
            answer = self._ask("POST", "/v1/scores:batchGet", content=content, headers=JSON)
            with _of_known_shape():
                found |= {each["customer_id"]: _score(each) for each in answer["scores"]}
                missing += answer["missing"]
        return Scores(found, tuple(missing))

    def at_risk(self, snapshot_date: dt.date | None = None, page: int = 500) -> Iterator[Score]:
        """The customers at risk, the highest probability first, page by page.

        Raises:
            UnknownScore, Unavailable, Refused: there are none to be had.
        """
        params: dict[str, Any] = {"limit": page}
        if snapshot_date:
            params["snapshot_date"] = snapshot_date.isoformat()
        while True:
            answer = self._ask("GET", "/v1/customers/at-risk", params=params)
            with _of_known_shape():
                scores, after = [_score(each) for each in answer["scores"]], answer["next"]
            yield from scores
            if after is None:
                return
            params["after"] = after

    def snapshots(self) -> Sequence[Snapshot]:
        """Every day that has scores, the newest first.

        Raises:
            Unavailable, Refused: nothing could be read.
        """
        answer = self._ask("GET", "/v1/snapshots")
        with _of_known_shape():
            return [
                Snapshot(
                    dt.date.fromisoformat(each["snapshot_date"]),
                    each["score_version"],
                    each["rows"],
                    each["model_version"],
                    dt.datetime.fromisoformat(each["published_at"]),
                )
                for each in answer["snapshots"]
            ]

    def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """An answer, after as many attempts as it takes and may take; every question only reads."""
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = self._http.request(method, path, **given)
            except httpx.RequestError as error:
                if last:
                    raise Unavailable(f"the score service cannot be reached: {type(error).__name__}") from error
                self._pause(attempt)
                continue
            if response.status_code not in RETRIED or last:
                return _read(response)
            self._pause(attempt)
        raise Unavailable("no attempt was allowed: retries is negative")

    def _pause(self, attempt: int) -> None:
        """Wait a little longer each time and a bit at random; what `Retry-After` asks for is longer than a page can."""
        self._sleep(self._backoff * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311  # spreads retries, guards nothing


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unavailable(f"the score service gave no answer that can be read (status {response.status_code})")
    if response.is_success:
        return body
    sentence = f"{body.get('detail') or 'the score service refused'} (status {response.status_code})"
    if response.status_code == httpx.codes.NOT_FOUND and str(body.get("type")).endswith(UNKNOWN):
        raise UnknownScore(sentence, body)
    if response.status_code in RETRIED:
        raise Unavailable(sentence, body)
    raise Refused(sentence, body)


@contextmanager
def _of_known_shape() -> Iterator[None]:
    """Take an answer apart.

    Raises:
        Unavailable: it is none of the service's, as a proxy may give one.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("the score service gave an answer of another shape") from error


def _score(row: dict[str, Any]) -> Score:
    """A score of an answer; fields that came later are passed over."""
    return Score(
        customer_id=row["customer_id"],
        snapshot_date=dt.date.fromisoformat(row["snapshot_date"]),
        churn_probability=row["churn_probability"],
        risk_tier=row["risk_tier"],
        action=row["action"],
        model_version=row["model_version"],
        score_version=row["score_version"],
        stale=row["stale"],
        reasons=_reasons(row.get("reasons")),
    )


def _reasons(rows: list[dict[str, Any]] | None) -> tuple[Reason, ...] | None:
    names = [each.name for each in fields(Reason)]
    return None if rows is None else tuple(Reason(**{name: row[name] for name in names}) for row in rows)
