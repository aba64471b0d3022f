"""What a model wrote, as Slack may show it: nobody is called, no image loads, and each link shows where it leads.

Only what is code for sure is left as it is. Where a text can be read in more than one way, it is no code here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WORD_JOINER = "\u2060"
"""Invisible, and enough to make Slack see no mention and no link."""

_MARKS = "`()[]<>~!\\" + WORD_JOINER
"""What may end code or a link, which are sent whole."""

LONGEST_WORD = 40
"""Characters without a blank after which a stream shows the beginning of a word."""

_FENCED = (
    r"^(?:(?P<ticks>`{3,})[^`\n]*\n.*?(?:^ {0,3}(?P=ticks)`*[ \t]*$|\Z)"
    r"|(?P<tildes>~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=tildes)~*[ \t]*$|\Z))"
)
FENCED = re.compile(_FENCED, re.DOTALL | re.MULTILINE)
"""A block of code that nothing contains."""

_TOKEN = re.compile(
    f"(?P<fenced>{_FENCED})"
    r"|(?P<contained>^(?P<before>(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))+)(?P<fence>`{3,}|~{3,}))"
    r"|(?P<blank>\n[ \t]*(?=\n|\Z))"
    r"|(?P<escaped>\\[!-/:-@\[-`{-~])"
    r"|(?P<markup><(?=[A-Za-z/?]))"
    r"|(?P<inline>(?P<tick>`+)(?!`)[^\n]*?(?<!`)(?P=tick)(?!`))"
    r"|(?P<run>`+)",
    re.DOTALL | re.MULTILINE,
)

_HTTP = r"https?://"
_HOST = r"[^\s/?#<>\"'`()\[\]|\\]"
_ADDRESS = rf"{_HTTP}(?P<host>{_HOST}*)[^\s<>`|\[\]]*"
_RISKY = re.compile(
    r"(?P<ping><(?=[@!]))"
    r"|!?\[(?P<label>[^\[\]\n]{0,300})\]\((?P<target>[^)\s<>]{1,2000})\)"
    r"|(?P<bracket>\](?=[(:]))"  # a link of another form, or what one refers to
    rf"|<(?P<shown>{_HTTP}[^\s<>|`]*)>"
    r"|(?P<masked><(?=[a-z][a-z0-9+.-]*:))"
    rf"|(?P<address>{_ADDRESS})",
    re.IGNORECASE,
)
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+(?::\d+)?", re.IGNORECASE)
_ENDS = ".,;:!?)]'\"*_~"
"""What stands behind an address and does not belong to it."""

_UNCLEAR = re.compile(rf"`|<(?!{_HTTP})[A-Za-z/?]", re.IGNORECASE)
"""What keeps backticks that are added from being code for sure."""

_PINGING = re.compile(r"<(?=@[UWB]|!(?:channel|here|everyone|group|subteam))", re.IGNORECASE)
_UNDECIDED = re.compile(
    r"(?:^[ \t>*+\-\d.)]*[`~]+[^\n]*"  # a fence
    r"|\\"
    r"|!?\[[^\[\]\n]{0,300}(?:\](?:\([^)\s]{0,2000})?)?"  # a labelled link
    r"|h(?:t(?:t(?:ps?:?/?)?)?)?"
    rf"|{_HTTP}{_HOST}{{0,300}}"
    r"|<[^<>\s]{0,300}|!)\Z",
    re.IGNORECASE | re.MULTILINE,
)


class _Piece(NamedTuple):
    text: str
    is_code: bool


def harmless(text: str, *, links: bool = False, growing: bool = False) -> str:
    """Markdown that calls nobody and loads nothing; code stays as it is, but for what would call somebody.

    With `links` addresses can be clicked, for where Slack fetches no preview of them; else they are shown as code,
    which can be copied. While `growing`, an end that may yet become something else is left out, so that each text
    begins with the last one.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")  # as CommonMark reads them
    if growing:
        text = _UNDECIDED.sub("", text[: _first_open_run(text)])
    pieces = list(_pieces(text))
    unclear = any(_UNCLEAR.search(piece.text) for piece in pieces if not piece.is_code)
    shown = list[str]()
    for index, piece in enumerate(pieces):
        if piece.is_code:
            shown.append(_PINGING.sub(f"<{WORD_JOINER}", piece.text))
            continue
        beside_code = (index > 0, index < len(pieces) - 1)
        shown.append(_defused(piece.text, links=links, as_code=not unclear, beside_code=beside_code))
    return "".join(shown)


def streamed(text: str) -> str:
    """What a stream shows of a text that grows: it goes on with a letter, as blanks at a chunk's beginning get lost."""
    text = harmless(text, links=True, growing=True).rstrip()
    word = re.search(r"\S*\Z", text)
    assert word is not None
    end = len(text) - 1 if len(word[0]) > LONGEST_WORD and text[-1] not in _MARKS else word.start()
    # half of a code span is not code any more, so that a link in it would hide where it leads
    spans = (start for kind, start, stop in _scan(text) if kind == "code" and start < end < stop)
    return text[: next((start for start in spans if "\n" not in text[start:end]), end)]


def _pieces(text: str) -> Iterator[_Piece]:
    """The text cut into code and what is not, or may not be, code."""
    at = 0
    for kind, start, end in _scan(text):
        if kind == "code":
            if at < start:
                yield _Piece(text[at:start], is_code=False)
            yield _Piece(text[start:end], is_code=True)
            at = end
    if at < len(text):
        yield _Piece(text[at:], is_code=False)


def _scan(text: str) -> Iterator[tuple[str, int, int]]:
    """Where "code" is for sure, and each "run" of backticks without its like in the same line.

    Such a run, or mark-up, makes unclear what is code in the rest of its paragraph. A fence that something else
    contains and that is not closed within it makes unclear where later ones begin and end.
    """
    at, fences, sure = 0, True, True
    while found := _TOKEN.search(text, at):
        kind, at = found.lastgroup, found.end()
        if kind == "fenced" and fences:
            yield "code", *found.span()
            sure = True
        elif kind == "fenced":
            sure, at = False, found.start() + 3
        elif kind == "contained":
            end = _closed_at(text, found)
            fences, sure = fences and end > 0, end > 0
            if fences and len(found["before"]) - len(found["before"].lstrip(" ")) < 4:
                yield "code", found.start("fence"), end
            at = end or at
        elif kind == "blank":
            sure = True
        elif kind == "markup":
            line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
            fences, sure = fences and bool(line.strip()), False
        elif kind == "inline":
            sure = sure and "|" not in found[0]  # which would end a table's cell
            if sure:
                yield "code", *found.span()
        elif kind == "run":
            yield "run", *found.span()
            sure = False


def _closed_at(text: str, found: re.Match[str]) -> int:
    """Where a contained fence is closed, as every reading has it; 0 where that is unclear."""
    before, fence, at = found["before"], found["fence"], text.find("\n", found.end())
    if ">" in before or "\t" in before or "`" in text[found.end() : at]:
        return 0
    while at >= 0:
        end = text.find("\n", at + 1)
        line = text[at + 1 : end if end >= 0 else len(text)]
        inside = line[: len(before)].isspace() or not line.strip()
        if not inside or (line.strip() and len(line) - len(line.lstrip()) < len(before)):
            return 0
        if line[len(before) :].rstrip() == fence:
            return at + 1 + len(line)
        at = end
    return 0


def _first_open_run(text: str) -> int:
    """Where, in the last line, backticks stand that may yet begin code; the text's length where none do."""
    last_line = text.rfind("\n") + 1
    return next((start for kind, start, _ in _scan(text) if kind == "run" and start >= last_line), len(text))


def _defused(text: str, *, links: bool, as_code: bool, beside_code: tuple[bool, bool]) -> str:
    """A text without code, beside which code may stand.

    `as_code`: addresses may be shown so, as no other backtick could pair with theirs.
    """

    def say(found: re.Match[str]) -> str:
        before = text[max(0, found.start() - 1) : found.start()]
        escaped = before == "\\"
        beside = (found.start() == 0 and beside_code[0], found.end() == len(text) and beside_code[1])
        if found["bracket"]:
            return f"]{WORD_JOINER}"
        if found["ping"] or found["masked"]:
            return f"<{WORD_JOINER}"
        if url := found["shown"] or found["address"]:
            as_it_is, may_be_code = links and _host(url), as_code and not (links or escaped or any(beside))
            return found[0] if as_it_is else _inert(url, as_code=may_be_code)
        label, target = found["label"], found["target"]
        plain = links and found[0][0] == "[" and before not in ("\\", "!")  # an address may end in what makes an image
        if plain and _host(target) and _host_of_label(label) == _host(target):
            return found[0]
        label = _defused(label, links=links, as_code=as_code, beside_code=(beside[0], False))
        return f"{label} ({_defused(target, links=links, as_code=as_code, beside_code=(False, False))})"

    return _RISKY.sub(say, text)


def _inert(url: str, *, as_code: bool) -> str:
    """An address that cannot be clicked."""
    kept = url.rstrip(_ENDS)
    if as_code and len(kept) > len("https://"):
        return f"`{kept}`{url[len(kept) :]}"
    return url.replace("://", f":{WORD_JOINER}//")


def _host(url: str) -> str:
    """The host of an address, "" for one that people may take for another's."""
    found = re.match(_ADDRESS, url, re.IGNORECASE)
    host = found["host"].rstrip(_ENDS).lower() if found else ""
    return host if _PLAIN_HOST.fullmatch(host) else ""


def _host_of_label(label: str) -> str:
    """The host that a label names, being that or an address there; "" for any other words."""
    said = label.strip()
    if re.search(r"\s", said):
        return ""
    return _host(said if re.match(_HTTP, said, re.IGNORECASE) else f"https://{said}")
