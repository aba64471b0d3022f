"""Languages, by whatever people and models call them."""

from __future__ import annotations

from collections.abc import Collection

import langcodes

from bot.interfaces.errors import UserError

LONGEST = 60
"""Characters of a language's name or tag; what reads them takes ever longer for more, or fails."""

_NEAR = 7
"""How far, as langcodes counts, what a model knows may be from what is meant: Portuguese will do for Brazilians."""


def is_tag(text: str) -> bool:
    """Whether a text could be a language's tag: "de", "pt-BR", "de_DE", "deu_Latn"."""
    return 0 < len(text) <= LONGEST and langcodes.tag_is_valid(text)


def language_code(language: str) -> str:
    """The tag of a language by its name in any language: "de" for "German" and "Deutsch". What is no name stays.

    Raises UserError for what is too long to be one.
    """
    if len(language) > LONGEST:
        raise UserError(f"“{language[:LONGEST]}…” is too long for the name of a language.")
    if is_tag(language):
        return str(langcodes.standardize_tag(language))
    try:
        return langcodes.find(language).to_tag()
    except LookupError:
        return language


def name(tag: str) -> str:
    """A language's English name: "German" for "de"."""
    return langcodes.Language.get(tag).display_name() if is_tag(tag) else tag


def nearest(tag: str, known: Collection[str]) -> str | None:
    """Which of the tags that are known means the language, however it is written: "de" is de_DE, deu_Latn or ger."""
    if tag in known or not is_tag(tag):
        return tag if tag in known else None
    found, distance = langcodes.closest_match(tag, [*filter(is_tag, known)], max_distance=_NEAR)
    return str(found) if distance <= _NEAR else None
