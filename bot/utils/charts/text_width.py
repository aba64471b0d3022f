"""How wide words are on the picture, and names made to fit that can still be told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

JOINTS = " .,-_/"
"""Characters that stand at no gap."""

HEAD = 4
"""Characters before the gap in a name that is alike at its beginning and its end with another."""


class Ruler:
    """Measures in inches."""

    def __init__(self, dpi: int) -> None:
        self._dpi = dpi
        self._renderer = RendererAgg(1, 1, dpi)  # type: ignore[no-untyped-call]  # matplotlib's backends have no types

    def width(self, text: str, size: float) -> float:
        """Of a line of text."""
        line = (text, FontProperties(size=size), False)
        wide, _, _ = self._renderer.get_text_width_height_descent(*line)  # type: ignore[no-untyped-call]  # see above
        return float(wide) / self._dpi

    def widest(self, texts: Sequence[str], size: float) -> float:
        """Of the widest of several; 0 of none."""
        return max([self.width(text, size) for text in texts], default=0.0)

    def fit(self, names: Sequence[str], size: float, room: float) -> list[str]:
        """Names cut to `room`: in their middle or, where that makes them alike, around what differs."""
        short = [self._first(_gaps(name), size, room) for name in names]
        alike = defaultdict[str, set[str]](set)
        for name, cut in zip(names, short, strict=True):
            alike[cut].add(name)
        starts = {cut: _alike(whole) for cut, whole in alike.items() if len(whole) > 1}
        return [
            self._first(_from(name, starts[cut]), size, room) if cut in starts else cut
            for name, cut in zip(names, short, strict=True)
        ]

    def _first(self, tries: Iterator[str], size: float, room: float) -> str:
        return next((text for text in tries if self.width(text, size) <= room), "…")


def _alike(names: Iterable[str]) -> int:
    """How many characters they all begin with."""
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))


def _gaps(name: str) -> Iterator[str]:
    """The name, and then with an ever larger gap in its middle."""
    yield name
    for kept in range(len(name) - 1, 1, -1):
        yield f"{name[: -(-kept // 2)].rstrip(JOINTS)}…{name[-(kept // 2) :].lstrip(JOINTS)}"


def _from(name: str, start: int) -> Iterator[str]:
    """The name from where it differs on, after its head, and then with an ever earlier end."""
    rest = name[max(start - 1, HEAD) :]
    yield f"{name[:HEAD]}…{rest}"
    for kept in range(len(rest) - 1, 0, -1):
        yield f"{name[:HEAD]}…{rest[:kept]}…"
