"""Widths of texts on a chart, and names cut to a width so that no two become equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from bot.utils.prefixes import common_prefix

JOINTS = " .,-_/"
"""Characters that are removed beside an ellipsis."""

HEAD = 4
"""Number of characters before the ellipsis in a name that has the same beginning and end as another."""


class Ruler:
    """Measures texts, in inches."""

    def __init__(self, dpi: int) -> None:
        self._dpi = dpi
        self._renderer = RendererAgg(1, 1, dpi)  # type: ignore[no-untyped-call]  # matplotlib's backends have no types

    def width(self, text: str, size: float) -> float:
        """Return the width of one line of text in a font of `size` points."""
        line = (text, FontProperties(size=size), False)
        wide, _, _ = self._renderer.get_text_width_height_descent(*line)  # type: ignore[no-untyped-call]  # see above
        return float(wide) / self._dpi

    def widest(self, texts: Sequence[str], size: float) -> float:
        """Return the width of the widest text; 0 for no texts."""
        return max([self.width(text, size) for text in texts], default=0.0)

    def fit(self, names: Sequence[str], size: float, room: float) -> list[str]:
        """Return names cut in the middle to `room` inches; names that would become equal keep their first difference.

        `size` is the font's, in points.
        """
        short = [self._first(_cut_in_the_middle(name), size, room) for name in names]
        names_of = defaultdict[str, set[str]](set)
        for name, cut in zip(names, short, strict=True):
            names_of[cut].add(name)
        starts = {cut: common_prefix(*equal) for cut, equal in names_of.items() if len(equal) > 1}
        return [
            self._first(_cut_around(name, starts[cut]), size, room) if cut in starts else cut
            for name, cut in zip(names, short, strict=True)
        ]

    def _first(self, candidates: Iterator[str], size: float, room: float) -> str:
        return next((text for text in candidates if self.width(text, size) <= room), "…")


def _cut_in_the_middle(name: str) -> Iterator[str]:
    """Yield the name, then ever shorter forms with an ellipsis in the middle."""
    yield name
    for length in range(len(name) - 1, 1, -1):
        yield f"{name[: -(-length // 2)].rstrip(JOINTS)}…{name[-(length // 2) :].lstrip(JOINTS)}"


def _cut_around(name: str, start: int) -> Iterator[str]:
    """Yield the name's head and its rest from just before index `start`, then with an ever earlier end."""
    rest = name[max(start - 1, HEAD) :]
    yield f"{name[:HEAD]}…{rest}"
    for length in range(len(rest) - 1, 0, -1):
        yield f"{name[:HEAD]}…{rest[:length]}…"
