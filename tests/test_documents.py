"""The documents' tables match the declarations."""

from __future__ import annotations

import pytest

from tests.documents import TABLES, generated


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_tables_match_the_declarations(table: str) -> None:
    _, text, expected = generated(table)
    assert text == expected, "run: python -m tests.documents"
