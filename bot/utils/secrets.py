"""Secrets: which values are some, and how they are blanked out of what people and logs get to read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from bot.interfaces.network import passwords

SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD")
SHORTEST_SECRET = 8
"""Shorter values are not looked for: they would hit innocent words. So many characters of a longer one are a leak."""


def secrets_in(environment: Mapping[str, str]) -> Collection[str]:
    """Find the values of variables that hold secrets, by their names, and passwords in addresses, such as a proxy's."""
    named = (value for name, value in environment.items() if any(mark in name.upper() for mark in SECRET_NAMES))
    inside = (_password(value) for value in environment.values() if "://" in value)
    marked = (form if len(form) - 2 < SHORTEST_SECRET else form[1:-1] for form in passwords(environment))
    return {*marked, *(value for value in (*named, *inside) if len(value) >= SHORTEST_SECRET)}


def blanked(text: str, secrets: Collection[str], mark: str = "•••") -> str:
    """Put a mark in place of every secret, and of the beginning of one that somebody cut.

    Blank before cutting: what is left of a secret in the middle or at the end of a text cannot be known any more.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < SHORTEST_SECRET or secret.startswith(("/", "~", ".")):  # a path begins like many others
            text = text.replace(secret, mark) if secret else text
            continue
        parts = text.split(secret[:SHORTEST_SECRET])
        rests = (part[_shared(part, secret[SHORTEST_SECRET:]) :] for part in parts[1:])
        text = mark.join((parts[0], *rests))
    return text


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""


def _shared(text: str, secret: str) -> int:
    """Count the characters that both begin with."""
    pairs = enumerate(zip(text, secret, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(text), len(secret)))
