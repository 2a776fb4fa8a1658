"""Quotes of a CSV file that say where no cell ends are refused, in whatever blocks the file is read."""

import csv
import io
import random
import secrets

import pytest

from churn_assets.storage.source.quotes import QuoteCheckedStream, QuoteFault

pytestmark = pytest.mark.fault("a quote is left open")

ALPHABET = ['"', '"', ",", "\n", "a", "\r\n"]


def refused(content: bytes, block: int) -> bool:
    """Whether the stream refuses a file that is read in blocks of so many bytes."""
    stream = QuoteCheckedStream(io.BytesIO(content))
    try:
        while stream.read(block):
            pass
    except QuoteFault:
        return True
    return False


def refused_by_a_strict_reader(text: str) -> bool:
    """What Python's own reader says of it, cell by cell."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return True
    return False


def test_it_refuses_what_a_strict_reader_refuses() -> None:
    """Over random files and blocks, the verdict is that of Python's csv module in its strict mode."""
    seed = secrets.randbits(32)
    draw = random.Random(seed)  # noqa: S311  # rows of a test
    texts = ["".join(draw.choices(ALPHABET, k=draw.randint(0, 14))) for _ in range(20_000)]

    verdicts = [(text, refused(text.encode(), draw.randint(1, 16)), refused_by_a_strict_reader(text)) for text in texts]

    assert [text for text, ours, theirs in verdicts if ours is not theirs] == [], f"seed {seed}"
    assert {theirs for _, _, theirs in verdicts} == {True, False}


def test_what_is_read_is_what_the_file_holds() -> None:
    """Checking changes no byte."""
    content = b'\xef\xbb\xbf"id",note\n"1","a ""b"", c\nd"\n2,5" pipe\n'

    stream = QuoteCheckedStream(io.BytesIO(content))

    assert b"".join(iter(lambda: stream.read(7), b"")) == content


@pytest.mark.parametrize("block", [3, 1000])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'id,note\n1,"open\n2,plain\n', "a quote is left open at its end"),
        (b'id,note\n1,"open\n2,"closed"\n', "the quote at byte 19 ends no cell, or one before it is left open"),
        (b'\xef\xbb\xbf"id",note\n1,"a "b" c"\n', "the quote at byte 19 ends no cell, or one before it is left open"),
    ],
)
def test_the_fault_says_where(content: bytes, reason: str, block: int) -> None:
    """The sentence names the byte, and quotes nothing."""
    stream = QuoteCheckedStream(io.BytesIO(content))

    with pytest.raises(QuoteFault, match=f"^{reason}$"):
        list(iter(lambda: stream.read(block), b""))
