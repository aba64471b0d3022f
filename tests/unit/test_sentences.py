"""Sentences of prose in several languages, of lists, of code and of chats."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tasks.engine.sentences import sentences

CASES = {
    "abbreviations": (
        "Dr. Smith met J. R. Jones at 5 p.m. in St. Louis. They used version 2.4.1, etc. Then they left.",
        [
            "Dr. Smith met J. R. Jones at 5 p.m. in St. Louis.",
            "They used version 2.4.1, etc.",
            "Then they left.",
        ],
    ),
    "quotations": ('"Really?" she asked. (Yes.) Good!', ['"Really?" she asked.', "(Yes.)", "Good!"]),
    "German": ("Das ist z. B. gut. Am 3. Mai kommt Hr. Meier.", ["Das ist z. B. gut.", "Am 3. Mai kommt Hr. Meier."]),
    "Spanish": ("¿Qué hora es? ¡Son las tres! Vale.", ["¿Qué hora es?", "¡Son las tres!", "Vale."]),
    "Japanese": ("今日は晴れです。明日は「雨」でしょう。", ["今日は晴れです。", "明日は「雨」でしょう。"]),
    "Hindi": ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
    "Arabic": ("هل هذا جيد؟ نعم جيد.", ["هل هذا جيد؟", "نعم جيد."]),
    "lists": ("To do:\n- buy milk. And eggs.\n2) Call Bob", ["To do:", "buy milk.", "And eggs.", "Call Bob"]),
    "code": ("Look:\n```py\nx = 1. + 2\ny. Z\n```\nDone.", ["Look:", "```py\nx = 1. + 2\ny. Z\n```", "Done."]),
    "wrapped lines": (
        "This line was wrapped by an editor long ago at\nits last column. Next one.",
        ["This line was wrapped by an editor long ago at\nits last column.", "Next one."],
    ),
    "addresses": (
        "See https://a.test/b.html for more. It's short.",
        ["See https://a.test/b.html for more.", "It's short."],
    ),
    "numbers": ("It uses PostgreSQL 15. To replay, wait.", ["It uses PostgreSQL 15.", "To replay, wait."]),
    "a no": ("The answer is no. We stay.", ["The answer is no.", "We stay."]),
    "nothing": (" \n\n", []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_text_is_cut_into_its_sentences(case: str) -> None:
    text, expected = CASES[case]
    assert [sentence.text for sentence in sentences(text)] == expected


def test_lines_of_a_chat_name_their_speakers() -> None:
    found = sentences("Ann: Hi. How are you?\nBen K.: Fine.\nNote that this works: see below.\nhttps://a.test: no")
    assert [sentence.speaker for sentence in found] == ["Ann", "Ann", "Ben K.", "", ""]
    assert found[2].named == "Ben K.: Fine."


@given(st.text(alphabet="aB .!?\n:`-1。'\"", max_size=200))
def test_sentences_are_parts_of_the_text(text: str) -> None:
    found = sentences(text)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(sentence.text.strip() for sentence in found)
