"""Secrets: found in the environment, and blanked out of messages and logs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from bot.interfaces.network import passwords
from bot.utils.prefixes import common_prefix

SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD")
"""Parts of variables' names that mark their values as secrets."""

SHORTEST_SECRET = 8
"""Fewest characters of a secret that is blanked: shorter values would match ordinary words.

As many first characters of a longer secret count as a leak.
"""


def secrets_in(environment: Mapping[str, str]) -> Collection[str]:
    """Return the values of variables with names of secrets, and passwords in addresses, such as a proxy's."""
    named = (value for name, value in environment.items() if any(mark in name.upper() for mark in SECRET_NAMES))
    inside = (_password(value) for value in environment.values() if "://" in value)
    marked = (form if len(form) - 2 < SHORTEST_SECRET else form[1:-1] for form in passwords(environment))
    return {*marked, *(value for value in (*named, *inside) if len(value) >= SHORTEST_SECRET)}


def blanked(text: str, secrets: Collection[str], mark: str = "•••") -> str:
    """Return the text with a mark for every secret, and for every beginning of one of 8 characters or more.

    Blank before you cut a text: the rest of a secret without its beginning cannot be recognised.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < SHORTEST_SECRET or secret.startswith(("/", "~", ".")):  # a path begins like many others
            text = text.replace(secret, mark) if secret else text
            continue
        parts = text.split(secret[:SHORTEST_SECRET])
        rests = (part[common_prefix(part, secret[SHORTEST_SECRET:]) :] for part in parts[1:])
        text = mark.join((parts[0], *rests))
    return text


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""
