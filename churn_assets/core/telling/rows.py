"""Rows of `churn_reasons`: who, in which order, by how much, in which words."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.table_schemas import REASONS
from churn_assets.core.telling.families import AVERAGE, AVERAGE_SENTENCE, Family
from churn_assets.core.telling.ranking import Ranked
from churn_assets.core.telling.sentences import Sentence

__all__ = ["reason_rows"]

DIRECTIONS = ("up", "down")


def reason_rows(  # all that a reason is made of
    customer_ids: pa.Array,
    given: pa.Table,
    *,
    columns: Sequence[str],
    families: Sequence[Family],
    ranked: Ranked,
    base_values: NDArray[np.float64],
) -> pa.Table:
    """Rows of `churn_reasons`, each customer's one after the other, the strongest first.

    Args:
        customer_ids: of the customers, (n).
        given: what the model was given of them, (n) rows.
        columns: the features of the model, to which `ranked.features` points.
        families: of the model.
        ranked: the strongest families of each customer.
        base_values: from where the contributions of each start, (n), in log-odds.
    """
    is_there = ranked.families >= 0
    is_there[:, 0] = True
    customer, place = np.nonzero(is_there)
    family, value = ranked.families[customer, place], ranked.values[customer, place]
    family[family < 0] = len(families)
    direction = (value < 0).astype(np.int64)
    sentences = [each for one in families for each in (one.up, one.down)] + 2 * [Sentence(AVERAGE_SENTENCE)]
    said = 2 * family + direction
    return pa.Table.from_arrays(
        [
            customer_ids.take(pa.array(customer)),
            pa.array((place + 1).astype(np.int32)),
            _words([each.name for each in families] + [AVERAGE], family),
            _words([*columns, ""], ranked.features[customer, place]),
            pa.array(value),
            _words(DIRECTIONS, direction),
            _values(given, customer, sentences, families, said),
            _words([each.text for each in sentences], said),
            pa.array(base_values[customer]),
            pa.array(ranked.other[customer]),
            pa.array(ranked.hidden_share[customer]),
        ],
        names=REASONS.names,
    )


def _words(words: Sequence[str], places: NDArray[np.int64]) -> pa.DictionaryArray:
    """Of each place its word, the last one for -1; words that are said twice come once."""
    distinct = list(dict.fromkeys(words))
    codes = np.array([distinct.index(word) for word in words], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[places]), pa.array(distinct))


def _values(
    given: pa.Table,
    customer: NDArray[np.int64],
    sentences: Sequence[Sentence],
    families: Sequence[Family],
    said: NDArray[np.int64],
) -> pa.Array:
    """What fills the sentence of each reason, by one sentence after the other."""
    order = np.argsort(said.astype(np.int16), kind="stable")  # of short numbers numpy sorts by their digits
    ends = np.cumsum(np.bincount(said, minlength=len(sentences)))
    filled: list[pa.Array] = []
    for number, sentence in enumerate(sentences):
        at = order[ends[number - 1] if number else 0 : ends[number]]
        if not len(at):
            continue
        shown = families[number // 2].shown if number // 2 < len(families) else {}
        told = [each for each in dict.fromkeys(sentence.features) if each in given.column_names]
        cells = given.select(told or given.column_names[:1]).take(pa.array(customer[at]))
        filled.append(sentence.values(cells, shown))
    if not filled:
        return pa.array([], pa.string())
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(filled).take(pa.array(back))
