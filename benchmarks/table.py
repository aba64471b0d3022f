"""The table of results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a measurement, its result, the compared result and the goal."""

    measurement: str
    result: str
    compared: str
    goal: str

    def __str__(self) -> str:
        return f"| {self.measurement} | {self.result} | {self.compared} | {self.goal} |"


HEAD = "| measurement | Shoulders | compared with | goal |\n|---|---|---|---|"


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a `share` (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
