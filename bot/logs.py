"""Logging: one line an event on stderr, and no secret and no control character in any of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping

from bot.utils.secrets import blanked, secrets_in

BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Characters that turn the direction of what follows, so that it reads as something else."""

UNSEEN = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(0x20), *range(0x7F, 0xA0), *BIDI, 0x2028, 0x2029)
}
"""Characters that terminals obey, or that end a line, each with how it is written out instead."""


def plain(text: str) -> str:
    """Write the text as one line that no terminal obeys, whatever people, models and servers put into it."""
    return text.translate(UNSEEN)


class RedactingFormatter(logging.Formatter):
    """Formats a record as one line. The lines of a traceback follow it, each indented: none looks like an event."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._secrets = secrets

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's own name
        """Write the first line; what it says is cleaned before a traceback is put beneath it."""
        return plain(blanked(super().formatMessage(record), self._secrets))

    def format(self, record: logging.LogRecord) -> str:
        """Write the line and what follows it, without secrets."""
        first, *rest = blanked(super().format(record), self._secrets).split("\n")
        return "\n".join((first, *(f"  {plain(line)}" for line in rest)))


def start_logging(environment: Mapping[str, str], level: int) -> None:
    """Send the program's log to stderr. Libraries speak from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(secrets_in(environment)))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for own in ("bot", "adapters", "storage"):
        logging.getLogger(own).setLevel(level)
