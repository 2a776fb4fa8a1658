"""Whether the quotes of a CSV file say where its cells end: Arrow takes those that do not for part of a cell."""

import re
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["QuoteCheckedStream", "QuoteFault"]

NEWLINE = ord("\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class QuoteFault(ValueError):
    """A quote that ends no cell, or is never closed: rows would be swallowed, or a cell would lose its quotes."""


class QuoteCheckedStream:
    """A CSV file as it is read, each block checked before it is handed on.

    A quote opens a cell where the cell begins, and closes it where a delimiter, an end of line or the end of the file
    follows; two in a row stand for one (RFC 4180), as does one behind an escape. Elsewhere in a cell that began without
    one it is a character.
    """

    def __init__(self, file: BinaryIO, delimiter: str = ",", quote: str = '"', escape: str = "") -> None:
        self._file = file
        self._quote = quote.encode()
        self._boundary = np.isin(np.arange(256), [ord(delimiter), ord("\n"), ord("\r"), ord(quote)])
        self._escape = escape.encode()
        self._escaped = re.compile(re.escape(self._escape) + b".", re.DOTALL) if escape else None
        self._read = 0
        self._held = b""  # quotes at the end of a block: what follows them is not known yet
        self._before = NEWLINE
        self._inside = False

    @property
    def closed(self) -> bool:
        """Whether the file is."""
        return self._file.closed

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            QuoteFault: a quote in them is at fault, or the file ends before one is closed.
        """
        block = self._file.read(size)
        self._check(block)
        self._read += len(block)
        return block

    def _check(self, block: bytes) -> None:
        first = self._read == 0
        data = self._held + (block.removeprefix(BYTE_ORDER_MARK) if first else block)
        start = self._read + len(block) - len(data)
        if self._escaped is not None:
            data = self._escaped.sub(b"xx", data)
        whole = data.rstrip(self._quote + self._escape) if block else data
        self._held = data[len(whole) :]
        if whole:
            content = np.frombuffer(whole, np.uint8)
            quotes = np.flatnonzero(content == ord(self._quote))
            if quotes.size:
                self._follow(content, quotes, start)
            self._before = int(content[-1])
        if not block and self._inside:
            raise QuoteFault("a quote is left open at its end")

    def _follow(self, content: NDArray[np.uint8], quotes: NDArray[np.intp], start: int) -> None:
        """Go from quote to quote; at once where each stands beside a boundary, as in most files."""
        framed = np.concatenate([np.array([self._before], np.uint8), content, np.array([NEWLINE], np.uint8)])
        opening, closing = quotes[int(self._inside) :: 2], quotes[1 - int(self._inside) :: 2]
        if self._boundary[framed[opening]].all() and self._boundary[framed[closing + 2]].all():
            self._inside ^= bool(len(quotes) % 2)
            return
        self._follow_each(quotes.tolist(), framed[quotes].tolist(), framed[quotes + 2].tolist(), start)

    def _follow_each(self, quotes: list[int], before: list[int], after: list[int], start: int) -> None:
        escaped = -1  # the place of the second of two quotes that stand for one
        for place, previous, following in zip(quotes, before, after, strict=True):
            if place == escaped:
                continue
            if not self._inside:
                self._inside = self._boundary[previous] and previous != ord(self._quote)
            elif following == ord(self._quote):
                escaped = place + 1
            elif self._boundary[following]:
                self._inside = False
            else:
                raise QuoteFault(f"the quote at byte {start + place + 1} ends no cell, or one before it is left open")
