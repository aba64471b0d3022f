"""A certificate authority for tests, and servers' certificates that it signs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "bot.example")
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)


class Authority:
    """A certificate authority that no client trusts, except one that names its file."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def write(self, path: Path) -> Path:
        """Write the authority's own certificate as PEM."""
        self._ca.cert_pem.write_to_path(str(path))
        return path

    def server(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Return the context of a server with a certificate for `names`, or for NAMES."""
        begin, end = LONG_AGO if expired else (None, None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or NAMES), not_before=begin, not_after=end).configure_cert(context)
        return context
