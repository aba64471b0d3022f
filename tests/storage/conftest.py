"""Fixtures of the tests of storage."""

from __future__ import annotations

import pytest

from bot.interfaces.database import Database
from tests.storage.desk import Desk


@pytest.fixture
def desk(store: Database) -> Desk:
    return Desk(store)
