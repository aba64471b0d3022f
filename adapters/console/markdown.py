"""Markdown on a terminal: which blocks of a growing text are finished, and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments.lexers import get_all_lexers  # type: ignore[import-untyped]  # it comes without types
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.syntax import Syntax
from rich.theme import Theme

THEME = Theme({"markdown.code": "bold cyan", "markdown.item.number": "cyan", "markdown.hr": "dim"})
BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
UNSEEN = {code: None for code in (*range(32), *range(127, 160), *BIDI) if chr(code) not in "\n\t"}
"""Control characters: a terminal obeys them, so that a model's text could move the cursor or rename the window.

Those of Unicode's bidirectional text turn what follows, so that a command reads as another one than it is.
"""

_parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
"""HTML is no markup here: rich would drop it, and a tag that a model wrote must be seen."""


def clean(text: str) -> str:
    """The text without characters that a terminal obeys."""
    return text.translate(UNSEEN)


@cache
def languages() -> frozenset[str]:
    """What pygments can colour. For other names, half-written ones too, it would search every package installed."""
    return frozenset(alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)


class Code(CodeBlock):
    """Code in the terminal's own colours, without margins, so that it can be copied as it stands."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip("\n")
        language = self.lexer_name.lower() if self.lexer_name.lower() in languages() else "text"
        yield Syntax(code, language, theme="ansi_dark", background_color="default", word_wrap=True)


class Title(Heading):
    """A heading at the left, whatever its level."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class Block(Markdown):
    """One parsed block, drawn by rich."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": Title,
        "fence": Code,
        "code_block": Code,
    }

    def __init__(self, tokens: Sequence[Token], style: str) -> None:
        super().__init__("", style=style, hyperlinks=False)
        self.parsed = list(tokens)


class Stack:
    """Things below each other, one empty line between them, and above them if they come `below` something.

    Of all lines only the last `most` are drawn, if that is set.
    """

    def __init__(self, parts: Sequence[RenderableType], *, below: bool, most: int = 0) -> None:
        self._parts = parts
        self._below = below
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = list[list[Segment]]()
        for part in self._parts:
            lines += [[]] if lines or self._below else []
            lines += trimmed(console.render_lines(part, options, pad=False))
        for line in lines[-self._most :]:
            yield from line
            yield Segment.line()


def trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """The lines without empty ones at both ends."""
    full = [index for index, line in enumerate(lines) if any(segment.text.strip() for segment in line)]
    return lines[full[0] : full[-1] + 1] if full else []


def parse(text: str) -> list[Token]:
    """Tokens of a text; the ends of its lines are kept, as in a chat."""
    tokens = _parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"
    return tokens


def blocks(tokens: Sequence[Token], style: str = "none") -> list[RenderableType]:
    """The top-level blocks, each by itself."""
    starts = [*top_level(tokens), len(tokens)]
    return [Block(tokens[start:end], style) for start, end in pairwise(starts)]


def top_level(tokens: Sequence[Token]) -> list[int]:
    """Where the top-level blocks begin."""
    return [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0 and token.map]


def finished(text: str) -> tuple[list[Token], str]:
    """The blocks that no further text can change, and the rest of the text: all but the last block of whole lines."""
    tokens = parse(text[: text.rfind("\n") + 1])
    starts = top_level(tokens)
    if len(starts) < 2:
        return [], text
    last = tokens[starts[-1]].map
    assert last
    return tokens[: starts[-1]], "".join(text.splitlines(keepends=True)[last[0] :])
