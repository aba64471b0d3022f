"""The documents' tables match the declarations."""

from __future__ import annotations

import pytest

from tests.documents import TABLES, written


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_tables_are_as_they_are_declared(table: str) -> None:
    _, text, wanted = written(table)
    assert text == wanted, "run: python -m tests.documents"
