"""The store in one SQLite file, with its numbered migrations."""

from storage.sqlite.store import SQLiteStore, open_store

__all__ = ["SQLiteStore", "open_store"]
