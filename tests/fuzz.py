"""Mutations of real payloads, and how many of them a run tries: SHOULDERS_FUZZ=1000 tries so many of each kind."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Sequence
from typing import Final, TypeAlias

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

Json: TypeAlias = dict[str, object]

BUDGET: Final = int(os.environ.get("SHOULDERS_FUZZ", "40"))

FUZZED = settings(
    max_examples=BUDGET,
    derandomize="SHOULDERS_FUZZ" not in os.environ,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

TEXTS = settings(FUZZED, max_examples=10 * BUDGET)

HALF: Final = "\ud800"
"""Half a character, which JSON can write down but no encoder of UTF-8 makes."""

GONE: Final = "taken away"
DEEP: Json = {"text": "a"}
for _ in range(60):
    DEEP = {"text": "a", "elements": [DEEP]}

ODD: Sequence[object] = (
    GONE,
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "not a number",
    "a\x00\u202eb",
    HALF,
    "x" * 20_000,
    "<!channel> <@U000000001> @everyone <@&1> <@1>",
    "https://example.org/a",
    [],
    {},
    [None],
    [[]],
    [{}] * 300,
    ["a", 1, None, {}],
    {"id": None},
    {"type": "text", "text": None},
    DEEP,
)
"""Values that are put in the place of others."""

WHICH = st.integers(0, 11)
"""Which of several examples is changed."""

MUTATIONS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(ODD)), min_size=1, max_size=3)


class Tracebacks(logging.Handler):
    """A log handler that collects records with a traceback: errors that the program does not expect.

    Until it is closed, lone surrogates in the log are escaped, because reports of tests cannot hold them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self._whole)
        logging.getLogger().addHandler(self)

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        logging.setLogRecordFactory(self._make)
        super().close()

    def _whole(self, *args: object, **kwargs: object) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        record.msg, record.args = record.getMessage().encode(errors="backslashreplace").decode(), ()
        return record

    def emit(self, record: logging.LogRecord) -> None:
        if (record.exc_info or record.name == "asyncio") and record.name != "aiohttp.server":  # the fake server's own
            self.found.append(record.getMessage())


def mutated(payload: Json, mutations: Sequence[tuple[int, object]]) -> Json:
    """Return a payload with some parts replaced or removed; each mutation names its part by number."""
    made = copy.deepcopy(payload)
    for number, odd in mutations:
        places = _places(made)
        if not places:
            return made
        holder, key = places[number % len(places)]
        if odd == GONE:
            del holder[key]  # type: ignore[attr-defined]  # a list or an object
        else:
            holder[key] = copy.deepcopy(odd)  # type: ignore[index]  # as above
    return made


def _places(value: object) -> list[tuple[object, object]]:
    """Every part of a value with what holds it; at most 1,000."""
    found: list[tuple[object, object]] = []
    waiting = [value]
    while waiting and len(found) < 1_000:
        one = waiting.pop(0)
        parts = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, inner in parts:
            found.append((one, key))
            waiting.append(inner)
    return found
