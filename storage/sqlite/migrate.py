"""Numbered SQL migrations: `migrations/NNNN_name.sql`, each applied once, in one transaction with its number."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import resources

from bot.interfaces.errors import SchemaTooNew


def migrations() -> Sequence[str]:
    """Return the scripts in order; the first leads to version 1."""
    files = sorted(
        (
            file
            for file in resources.files("storage.sqlite").joinpath("migrations").iterdir()
            if file.name.endswith(".sql")
        ),
        key=lambda file: file.name,
    )
    return [file.read_text(encoding="utf-8") for file in files]


def migrate(connection: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Bring the database up to version len(scripts). Raises SchemaTooNew; a step that fails changes nothing."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(scripts):
        raise SchemaTooNew(
            f"The database has version {version}, written by a newer Shoulders; this one knows {len(scripts)}. "
            "Upgrade Shoulders, or point [bot] database at another file."
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        try:
            # executescript commits whatever is open before it starts, so the transaction is part of the script
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
