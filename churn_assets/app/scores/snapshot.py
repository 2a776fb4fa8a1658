"""A snapshot: the scores of one version of one day, with everything ready that its answers repeat."""

import datetime as dt
import json
from collections.abc import Iterable
from json.encoder import encode_basestring

from churn_assets.storage.lookup.reader import Lookup, LookupHit
from churn_assets.storage.tables.delta_log import PublishedDay

__all__ = ["ScoreSnapshot"]


class ScoreSnapshot:
    """One version of a day's scores; never changed."""

    def __init__(self, published: PublishedDay, lookup: Lookup, ended: dt.datetime, fresh_until: dt.datetime) -> None:
        self.published = published
        self.lookup = lookup
        self.day = published.scores.day
        self.version = published.scores.version
        self.ended = ended
        self.fresh_until = fresh_until
        self._middle = f',"snapshot_date":"{self.day}","churn_probability":'.encode()
        self._ends = {stale: [self._end(*kind, stale) for kind in lookup.kinds] for stale in (False, True)}
        self._etags = {stale: f'"{self.day}.{self.version}.{int(stale)}"'.encode() for stale in (False, True)}

    def stale(self, now: dt.datetime) -> bool:
        """Whether the scores are older than they should be."""
        return now > self.fresh_until

    def etag(self, *, stale: bool) -> bytes:
        """What the scores of this snapshot are recognised by; each customer has an address of its own."""
        return self._etags[stale]

    def row(self, customer_id: str, hit: LookupHit, *, stale: bool) -> bytes:
        """One score as JSON."""
        quoted = encode_basestring(customer_id).encode()
        end = self._ends[stale][hit.kind]
        return b'{"customer_id":%b%b%b%b' % (quoted, self._middle, repr(hit.probability).encode(), end)

    def opening(self, *, stale: bool) -> bytes:
        """The start of an answer about several customers."""
        fields = {"snapshot_date": str(self.day), "score_version": self.version, "stale": stale}
        return json.dumps(fields, separators=(",", ":"))[:-1].encode()

    def rows(self, hits: Iterable[tuple[str, LookupHit]], *, stale: bool) -> bytes:
        """Scores as a JSON list."""
        return b"[" + b",".join([self.row(customer, hit, stale=stale) for customer, hit in hits]) + b"]"

    def _end(self, tier: str, action: str, model: str, stale: bool) -> bytes:  # noqa: FBT001  # a value, not a switch
        labels = {"risk_tier": tier, "action": action, "model_version": model, "score_version": self.version}
        return b"," + json.dumps(labels | {"stale": stale}, ensure_ascii=False, separators=(",", ":"))[1:].encode()
