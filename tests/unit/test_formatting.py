"""Tables: aligned columns for every content of the cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from bot.utils.formatting import WIDEST, markdown_table


def lines(drawn: str) -> list[str]:
    first, *between, last = drawn.split("\n")
    assert (first, last) == ("```", "```")
    return between


def test_columns_are_aligned_numbers_to_the_right() -> None:
    assert lines(markdown_table(("who", "tokens", "cost"), [("Ann", "1,200", "0.50 USD"), ("Benjamin", "7", "–")])) == [
        "who       tokens      cost",
        "────────  ──────  ────────",
        "Ann        1,200  0.50 USD",
        "Benjamin       7         –",
    ]


def test_wide_characters_take_two_columns() -> None:
    drawn = lines(markdown_table(("who", "n"), [("田中", "a"), ("Ann", "b"), ("🙂", "c")]))
    assert {width(line[: line.index(mark)]) for line, mark in zip(drawn[2:], "abc", strict=True)} == {6}


def test_a_table_without_rows_is_its_headers() -> None:
    assert lines(markdown_table(("who", "tokens"), [])) == ["who  tokens", "───  ──────"]


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_no_cell_breaks_the_code_block(rows: list[tuple[str, str]]) -> None:
    drawn = markdown_table(("one", "two"), rows)
    assert len(lines(drawn)) == len(rows) + 2
    assert drawn.count("`") == 6
    assert max(map(width, lines(drawn))) <= 2 * WIDEST + 2
