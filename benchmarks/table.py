"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, what came out, what it is compared with and what was aimed at."""

    what: str
    ours: str
    compared: str
    aim: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.ours} | {self.compared} | {self.aim} |"


HEAD = "| what | Shoulders | compared with | aim |\n|---|---|---|---|"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
