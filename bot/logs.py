"""Logging: one line for each event on stderr, without secrets and without control characters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping

from bot.utils.secrets import blanked, secrets_in

BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Code points that change the direction of the text after them, so that it reads as something else."""

UNSEEN = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(0x20), *range(0x7F, 0xA0), *BIDI, 0x2028, 0x2029)
}
"""Control characters of terminals and ends of lines, by code point, each with its escape sequence."""


def plain(text: str) -> str:
    """Return a text from people, models or servers as one line, with its control characters escaped."""
    return text.translate(UNSEEN)


class RedactingFormatter(logging.Formatter):
    """A formatter that writes a record as one line; a traceback's lines follow it, indented."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._secrets = secrets

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's own name
        """Return the record's first line, with its message escaped: logging appends the traceback to it."""
        return plain(blanked(super().formatMessage(record), self._secrets))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines without secrets."""
        first, *rest = blanked(super().format(record), self._secrets).split("\n")
        return "\n".join((first, *(f"  {plain(line)}" for line in rest)))


def start_logging(environment: Mapping[str, str], level: int) -> None:
    """Send the program's log of `level` and above to stderr; of libraries only warnings and errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(secrets_in(environment)))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for own in ("bot", "adapters", "storage"):
        logging.getLogger(own).setLevel(level)
