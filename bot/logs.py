"""Logging: one line an event on stderr, and no secret in any of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping

from bot.network import passwords

SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD")
SHORTEST_SECRET = 8
"""Shorter values are not looked for: they would hit innocent words."""


def secrets_in(environment: Mapping[str, str]) -> Collection[str]:
    """The values of the variables that hold secrets, by their names, and the passwords of proxies."""
    return passwords(environment) | {
        value
        for name, value in environment.items()
        if len(value) >= SHORTEST_SECRET and any(mark in name.upper() for mark in SECRET_NAMES)
    }


class RedactingFormatter(logging.Formatter):
    """Formats a record, traceback included, and blanks every secret in it."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, "•••")
        return line


def start_logging(environment: Mapping[str, str], level: int) -> None:
    """Send the program's log to stderr. Libraries speak from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(secrets_in(environment)))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for own in ("bot", "adapters", "storage"):
        logging.getLogger(own).setLevel(level)
