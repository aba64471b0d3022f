"""Markdown on a terminal: the finished blocks of a growing text, and their look."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments.lexers import get_all_lexers  # type: ignore[import-untyped]  # pygments has no types
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.syntax import Syntax
from rich.theme import Theme

THEME = Theme({"markdown.code": "bold cyan", "markdown.item.number": "cyan", "markdown.hr": "dim"})
BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROL_CHARACTERS = {code: None for code in (*range(32), *range(127, 160), *BIDI) if chr(code) not in "\n\t"}
"""Control characters, which a terminal obeys: a model's text could move the cursor or rename the window.

Unicode's bidirectional controls reverse the text after them, so that a command reads as another one.
"""

_parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
"""A parser without HTML: rich would drop a tag, and people must see a tag that a model wrote."""


def clean(text: str) -> str:
    """Return the text without characters that a terminal obeys."""
    return text.translate(CONTROL_CHARACTERS)


@cache
def languages() -> frozenset[str]:
    """Return the languages that pygments can colour.

    For an unknown name, such as a half-written one, rich would search all installed packages.
    """
    return frozenset(alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)


class Code(CodeBlock):
    """Code in the terminal's own colours, without margins, so that people can copy it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip("\n")
        language = self.lexer_name.lower() if self.lexer_name.lower() in languages() else "text"
        yield Syntax(code, language, theme="ansi_dark", background_color="default", word_wrap=True)


class Title(Heading):
    """A heading of any level, at the left."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class Block(Markdown):
    """One parsed block, rendered by rich."""

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
    """Parts one below another with empty lines between them, and one above where the stack comes `below` something.

    With `last_lines`, only so many lines at the end are shown.
    """

    def __init__(self, parts: Sequence[RenderableType], *, below: bool, last_lines: int = 0) -> None:
        self._parts = parts
        self._below = below
        self._last_lines = last_lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = list[list[Segment]]()
        for part in self._parts:
            lines += [[]] if lines or self._below else []
            lines += trimmed(console.render_lines(part, options, pad=False))
        for line in lines[-self._last_lines :]:
            yield from line
            yield Segment.line()


def trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """Return the lines without empty ones at both ends."""
    visible = [index for index, line in enumerate(lines) if any(segment.text.strip() for segment in line)]
    return lines[visible[0] : visible[-1] + 1] if visible else []


def parse(text: str) -> list[Token]:
    """Return the tokens of a text; ends of lines stay, as in a chat."""
    tokens = _parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"
    return tokens


def blocks(tokens: Sequence[Token], style: str = "none") -> list[RenderableType]:
    """Return the top-level blocks, each by itself."""
    starts = [*top_level(tokens), len(tokens)]
    return [Block(tokens[start:end], style) for start, end in pairwise(starts)]


def top_level(tokens: Sequence[Token]) -> list[int]:
    """Return the indexes of the tokens that begin top-level blocks."""
    return [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0 and token.map]


def finished(text: str) -> tuple[list[Token], str]:
    """Return the blocks that no further text can change, and the rest of the text.

    Those are all blocks of whole lines but the last.
    """
    tokens = parse(text[: text.rfind("\n") + 1])
    starts = top_level(tokens)
    if len(starts) < 2:
        return [], text
    last = tokens[starts[-1]].map
    assert last
    return tokens[: starts[-1]], "".join(text.splitlines(keepends=True)[last[0] :])
