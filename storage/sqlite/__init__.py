"""A database in one SQLite file, with its numbered migrations."""

from storage.sqlite.database import SQLiteDatabase, open_database

__all__ = ["SQLiteDatabase", "open_database"]
