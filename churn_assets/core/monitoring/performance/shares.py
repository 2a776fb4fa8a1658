"""How sure a share of customers is."""

from math import sqrt

__all__ = ["Z", "wilson"]

Z = 1.959963984540054  # of a 95 % interval, and of a two-sided test at 5 %


def wilson(hits: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score."""
    share, widening = hits / rows, Z**2 / rows
    center = (share + widening / 2) / (1 + widening)
    half = Z * sqrt(share * (1 - share) / rows + widening / (4 * rows)) / (1 + widening)
    return 0.0 if hits == 0 else center - half, 1.0 if hits == rows else center + half
