"""What the pictures are drawn with: an SVG is text, so that nothing waits for a drawing library or its version."""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["GREY", "INK", "NOW", "THEN", "line", "picture", "rectangle", "text"]

NOW, THEN, INK, GREY = "#0072B2", "#D55E00", "#333333", "#8C8C8C"  # of Okabe and Ito, told apart by every eye


def picture(width: int, height: int, parts: Iterable[str]) -> str:
    """A whole drawing on white, of so many pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="{width}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def line(points: Sequence[tuple[float, float]], colour: str, *, dashes: str = "") -> str:
    """A line through points; `dashes` as SVG writes them, empty for none."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dashed}/>'


def rectangle(x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1.0) -> str:
    """A filled rectangle, from its upper left corner."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{colour}" fill-opacity="{opacity:g}"/>'
    )


def text(x: float, y: float, words: str, colour: str = INK, *, anchor: str = "start", weight: str = "normal") -> str:
    """Words at a place; what would be markup in them is escaped."""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(words, quote=False)}</text>"
    )
