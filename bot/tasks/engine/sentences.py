"""Sentences of a text: prose in several languages, lists, code, and lines of a chat with their speakers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.tasks.engine.task import TaskInput

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_MARK = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)]|#{1,6}|>)\s+")
"""The mark at the beginning of an item of a list, of a heading or of a quotation."""

_SPEAKER = re.compile(r"(?P<name>[^\W\d_][\w .'’-]{0,38}[\w.)])\s*:\s+(?=\S)")
_PROSE_NAME = re.compile(r"^(?:[a-z]|\S+ \S+ \S+ \S)")
"""A beginning that is not a name, though a colon follows: a small letter, or four words and more."""

_END = re.compile(
    r"""(?P<mark>[.!?…]+)["'’”»)\]]*(?=\s)   # of scripts that put a space between sentences
    |[。！？｡]+[」』”）]*                       # of Chinese and Japanese
    |[।॥؟۔]+(?=\s|$)                          # of Hindi, Arabic, Urdu""",
    re.VERBOSE,
)
_LINE = 200
"""Characters at the end of a line that show whether it was wrapped."""

_LAST_WORD = re.compile(r"(\S+)\Z")
_NEXT_WORD = re.compile(r"\s+[\"'“‘«(\[¿¡*_]*(\w+|\S)")
_MONTH = re.compile(
    "Jan(uar)?|Feb(ruar)?|März?|Apr(il)?|Mai|Juni?|Juli?|Aug(ust)?|Sept?(ember)?|Okt(ober)?|Nov(ember)?|Dez(ember)?"
)
"""A German month: the full stop after the number of a day ends no sentence."""

_ABBREVIATION = re.compile(
    "mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|ca|al|fig|no|nr|vol|pp?|eds?|inc|ltd|co|corp|gen|sen|rep|gov|capt|lt|sgt|hon|approx"
    "|dept|est|resp|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|bzw|usw|sog|evtl|ggf|inkl|vgl"
    "|hrsg|str|tel|abs|art|mme?|mlle|av|env|s?ra|srta|sres|uds?|pág|núm|sig|dott|ing|avv"
)
"""A word of English, German, French, Spanish or Italian: a full stop after it ends a sentence before a capital only."""

_TITLE = re.compile(r"mr|mrs|ms|dr|prof|st|vs|hr|fr|vgl|bzw|mme|sra|dott|e\.g|i\.e|z\.b|d\.h|u\.a|v\.a|p\.ex|p\.ej")
"""A word before a full stop that never ends a sentence."""

_INITIAL = re.compile(r"^(?:[^\W\d_]\.)*[^\W\d_]$")
_OPENING = "(\"'“‘«["
_WORD = re.compile(r"\S")

_LONGEST = 24
"""Characters of the word before a full stop that are looked at."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters `start` to `end` of a text. `speaker` is the name at the beginning of its line, or ""."""

    text: str
    start: int
    end: int
    speaker: str = ""

    @property
    def named(self) -> str:
        """The sentence after its speaker's name."""
        return f"{self.speaker}: {self.text}" if self.speaker else self.text


def spoken(given: TaskInput) -> list[Sentence]:
    """Return the sentences of a task's text; in several messages or files, the author or the file is the speaker."""
    if len(given.sources) < 2:
        return sentences(given.text)
    found = []
    for source in given.sources:
        for sentence in sentences(given.text[source.start : source.end]):
            start, end = source.start + sentence.start, source.start + sentence.end
            found.append(Sentence(sentence.text, start, end, source.name or sentence.speaker))
    return found


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a text in order; a block of code is one, and so is each item of a list at least."""
    found: list[Sentence] = []
    for start, end, code in _blocks(text):
        if code:
            found.append(Sentence(text[start:end], start, end))
            continue
        speaker, start = _speaker(text, start, end)
        if mark := _MARK.match(text, start, end):
            start = mark.end()
        found += (Sentence(text[first:last], first, last, speaker) for first, last in _split(text, start, end))
    return found


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield lines that are not blank, and blocks of code as one; a wrapped line goes with the one before."""
    at, block, fence = 0, -1, ""
    prose: tuple[int, int] | None = None
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        end = start + len(line.rstrip())
        mark = _FENCE.match(line)
        if fence or mark:
            if prose:
                yield (*prose, False)
                prose = None
            if not fence and mark:
                block, fence = start, mark[1]
            elif mark and mark[1] == fence:
                yield block, end, True
                fence = ""
            continue
        joins = prose is not None and _wrapped(text[max(prose[0], prose[1] - _LINE) : prose[1]], line)
        if prose and not joins:
            yield (*prose, False)
            prose = None
        if line.strip():
            prose = (prose[0] if prose else start, end)
    if fence:
        yield block, len(text.rstrip()), True
    elif prose:
        yield (*prose, False)


def _wrapped(before: str, line: str) -> bool:
    """Report whether a line goes on with the sentence before it: a long line that has no end, then a small letter."""
    return len(before.rpartition("\n")[2]) > 40 and before[-1] not in ".!?:;…。！？" and line[:1].islower()


def _speaker(text: str, start: int, end: int) -> tuple[str, int]:
    found = _SPEAKER.match(text, start, end)
    if not found or _PROSE_NAME.match(found["name"]):
        return "", start
    return found["name"], found.end()


def _space(text: str, start: int, end: int) -> int:
    """Return where the next word begins."""
    found = _WORD.search(text, start, end)
    return found.start() if found else end


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of a line begins and ends."""
    first = _space(text, start, end)
    for mark in _END.finditer(text, start, end):
        if mark.end() > first and _ends(text, first, mark, end):
            yield first, mark.end()
            first = _space(text, mark.end(), end)
    if first < end:
        yield first, end


def _ends(text: str, first: int, mark: re.Match[str], end: int) -> bool:
    """Report whether a sentence ends with a mark, by the words before and after it."""
    following = _NEXT_WORD.match(text, mark.end(), end)
    if mark["mark"] is None or following is None:
        return True
    if mark["mark"] == ".":
        before = _LAST_WORD.search(text[max(first, mark.start() - _LONGEST) : mark.start()])
        word = before[1].lower().lstrip(_OPENING) if before else ""
        if _TITLE.fullmatch(word) or (_INITIAL.match(word) and word != "i"):
            return False
        if word.isdigit() and (first + len(word) == mark.start() or _MONTH.fullmatch(following[1])):
            return False
        if _ABBREVIATION.fullmatch(word):
            return following[1][0].isupper()
    return not following[1][0].islower()
