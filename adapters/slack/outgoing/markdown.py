"""A model's Markdown made safe for Slack: it pings nobody, loads no image, and each link shows its target.

Only text that is code in every reading is left as it is. Text with several readings does not count as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WORD_JOINER = "\u2060"
"""An invisible character that keeps Slack from reading a mention or a link."""

_MARKS = "`()[]<>~!\\" + WORD_JOINER
"""Characters that may end code or a link, which are sent whole."""

LONGEST_WORD = 40
"""The characters without a blank after which a stream shows the beginning of a word."""

_FENCED = (
    r"^(?:(?P<ticks>`{3,})[^`\n]*\n.*?(?:^ {0,3}(?P=ticks)`*[ \t]*$|\Z)"
    r"|(?P<tildes>~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=tildes)~*[ \t]*$|\Z))"
)
FENCED = re.compile(_FENCED, re.DOTALL | re.MULTILINE)
"""A code block outside other blocks."""

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
"""Characters after an address that do not belong to it."""

_UNCLEAR = re.compile(rf"`|<(?!{_HTTP})[A-Za-z/?]", re.IGNORECASE)
"""Text that makes added backticks ambiguous."""

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
    """Return Markdown that pings nobody and loads nothing; code changes only where it would ping.

    With `links`, addresses work, for messages without previews; else they are shown as code, which people can copy.
    With `growing`, an end that may become something else is left out, so that each text begins with the one before.
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
    """Return a growing text for a stream. It ends after a letter, because Slack drops blanks at a chunk's beginning."""
    text = harmless(text, links=True, growing=True).rstrip()
    word = re.search(r"\S*\Z", text)
    assert word is not None
    end = len(text) - 1 if len(word[0]) > LONGEST_WORD and text[-1] not in _MARKS else word.start()
    # half of a code span is not code any more, so that a link in it would hide where it leads
    spans = (start for kind, start, stop in _scan(text) if kind == "code" and start < end < stop)
    return text[: next((start for start in spans if "\n" not in text[start:end]), end)]


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the pieces of a text that are code, and those that are or may be something else."""
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
    """Yield each span of certain "code", and each "run" of backticks without a partner in its line.

    After such a run, or after mark-up, code is uncertain in the rest of the paragraph. After an unclosed fence in
    another block, all later fences are uncertain.
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
    """Return the end of a nested fence that is closed in every reading; 0 where that is uncertain."""
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
    """Return the place in the last line of backticks that may begin code; the text's length without such."""
    last_line = text.rfind("\n") + 1
    return next((start for kind, start, _ in _scan(text) if kind == "run" and start >= last_line), len(text))


def _defused(text: str, *, links: bool, as_code: bool, beside_code: tuple[bool, bool]) -> str:
    """Return a text without code made safe; `beside_code` are the sides with code.

    With `as_code`, addresses may be shown as code, because no other backtick could pair with theirs.
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
    """Return an address that does not work as a link."""
    kept = url.rstrip(_ENDS)
    if as_code and len(kept) > len("https://"):
        return f"`{kept}`{url[len(kept) :]}"
    return url.replace("://", f":{WORD_JOINER}//")


def _host(url: str) -> str:
    """Return the host of an address, "" for one that people may mistake for another."""
    found = re.match(_ADDRESS, url, re.IGNORECASE)
    host = found["host"].rstrip(_ENDS).lower() if found else ""
    return host if _PLAIN_HOST.fullmatch(host) else ""


def _host_of_label(label: str) -> str:
    """Return the host that a label is, or that its address has; "" for other text."""
    said = label.strip()
    if re.search(r"\s", said):
        return ""
    return _host(said if re.match(_HTTP, said, re.IGNORECASE) else f"https://{said}")
