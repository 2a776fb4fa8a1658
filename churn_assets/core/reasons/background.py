"""With whom a customer is compared: a sample of the rows that a model learnt from."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.training.dataset import LabelledRows

__all__ = ["BACKGROUND_ROWS", "SAMPLE_ROWS", "reasons_sample"]

BACKGROUND_ROWS = 128
SAMPLE_ROWS = 1_024  # of which the first are the background, and all are what importance is told of
_SALT = "reasons, sampled"
_ODD = np.uint64(0x9E3779B97F4A7C15)  # Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"


def reasons_sample(rows: LabelledRows) -> pa.Table:
    """At most 1,024 feature rows, drawn by a hash of customer and day: the same ones in whatever order they come."""
    ids = id_texts(rows.ids).combine_chunks().dictionary_encode()
    customers = stable_hash(ids.dictionary, _SALT)[ids.indices.to_numpy()]
    drawn = _mixed(customers ^ _mixed(rows.days.astype("datetime64[D]").astype(np.int64).astype(np.uint64)))
    first = np.argpartition(drawn, SAMPLE_ROWS)[:SAMPLE_ROWS] if len(drawn) > SAMPLE_ROWS else np.arange(len(drawn))
    order = first[np.argsort(drawn[first], kind="stable")]
    return rows.features.take(pa.array(order))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number as random as its place, the same for the same one."""
    mixed = numbers * _ODD
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
