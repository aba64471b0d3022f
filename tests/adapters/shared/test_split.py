"""Long answers in several messages: no text is lost, no fence is broken, no full message changes."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from adapters.shared.message_split import balance, hold_back, open_fence, size, split, split_off

LINES = st.one_of(
    st.text(alphabet="ab. \t😀é", max_size=60),
    st.sampled_from(["```", "```python", "~~~", "````", "# title", "", "| a | b |", "   ```", "`code`"]),
)
MARKDOWN = st.lists(LINES, max_size=40).map("\n".join)
LIMITS = st.integers(min_value=60, max_value=400)


def letters(text: str) -> str:
    """What a reader reads, without fences and white space."""
    return re.sub(r"\s|^ {0,3}(```+|~~~+).*$", "", text, flags=re.MULTILINE)


@given(MARKDOWN, LIMITS)
def test_every_part_fits_and_closes_its_fences(text: str, limit: int) -> None:
    for part in split(text, limit):
        assert 0 < size(part) <= limit
        assert open_fence(part) is None


@given(st.text(alphabet="ab. \n😀", max_size=900), LIMITS)
def test_nothing_is_lost(text: str, limit: int) -> None:
    assert letters("\n".join(split(text, limit))) == letters(text)


@given(MARKDOWN, LIMITS, st.integers(min_value=0, max_value=2_000))
def test_full_parts_stay_the_same_while_text_grows(text: str, limit: int, cut: int) -> None:
    before, after = split(text[:cut], limit), split(text, limit)
    full = before[:-1]
    assert after[: len(full)] == full


@given(MARKDOWN, LIMITS, st.integers(min_value=1, max_value=5))
def test_text_beyond_the_parts_is_returned(text: str, limit: int, most: int) -> None:
    parts, rest = split_off(text, limit, most)
    assert len(parts) <= most
    assert parts == split(text, limit)[:most]
    assert text.endswith(rest)
    assert bool(rest) == (len(split(text, limit)) > most)


def test_code_across_messages_has_fences_in_each() -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(40))
    parts = split(f"Look:\n\n```python\n{code}\n```\nThat is all.", 200)
    assert len(parts) > 2
    assert parts[0].endswith("\n```")
    assert all(part.startswith("```python\nline_") for part in parts[1:])
    assert parts[-1].endswith("```\nThat is all.")
    assert "".join(parts).count("line_39 = 39") == 1


def test_cuts_fall_between_paragraphs_where_they_can() -> None:
    first, second = "a" * 70, "b" * 70
    assert split(f"{first}\n\n{second}", 100) == [first, second]


def test_a_family_emoji_is_not_torn_apart() -> None:
    family = "👨‍👩‍👧‍👦"
    assert all("\u200d" not in (part[0], part[-1]) for part in split(family * 40, 60))


def test_previews_do_not_flicker() -> None:
    assert hold_back("Look:\n``") == "Look:"
    assert hold_back("Look:\n```py") == "Look:"
    assert hold_back("Look:\n```py\nx") == "Look:\n```py\nx"
    assert balance("Look:\n```py\nx = 1") == "Look:\n```py\nx = 1\n```"
    assert balance("````\n```") == "````\n```\n````"
    assert balance("plain `code` here") == "plain `code` here"


def test_a_long_answer_takes_time_in_proportion() -> None:
    lines = [f"line number {number} of many\n" for number in range(40_000)]

    def seconds(text: str) -> float:
        began = time.process_time()
        split(f"```\n{text}", 2_000)
        return time.process_time() - began

    seconds("".join(lines[:1_000]))
    assert seconds("".join(lines)) < 60 * max(0.002, seconds("".join(lines[:4_000])))


def test_very_long_fences_do_not_multiply_messages() -> None:
    text = "word " * 2_000
    for opening in ("`" * 900, "```" + "x" * 1_700, "~" * 17):
        assert len(split(f"{opening}\n{text}", 2_000)) <= 8
