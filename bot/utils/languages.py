"""Names and tags of languages, in the forms that people and models use."""

from __future__ import annotations

from collections.abc import Collection

import langcodes

from bot.interfaces.errors import UserError

LONGEST = 60
"""Most characters of a language's name or tag: with longer texts langcodes becomes very slow, or fails."""

_NEAR = 7
"""Greatest distance, by langcodes' measure, between a model's language and the requested one: pt serves for pt-BR."""


def is_tag(text: str) -> bool:
    """Return True for a text that has the form of a language's tag: "de", "pt-BR", "de_DE", "deu_Latn"."""
    return 0 < len(text) <= LONGEST and langcodes.tag_is_valid(text)


def language_code(language: str) -> str:
    """Return the tag of a language's name in any language: "de" for "German" and "Deutsch".

    An unknown name is returned unchanged. Raises UserError for a text that is too long to be a name.
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
    """Return the English name of a tag: "German" for "de". A text that is not a tag is returned unchanged."""
    return langcodes.Language.get(tag).display_name() if is_tag(tag) else tag


def nearest(tag: str, known: Collection[str]) -> str | None:
    """Return the tag among `known` that means the same language: for "de" de_DE, deu_Latn or ger. None without one."""
    if tag in known or not is_tag(tag):
        return tag if tag in known else None
    match, distance = langcodes.closest_match(tag, [*filter(is_tag, known)], max_distance=_NEAR)
    return str(match) if distance <= _NEAR else None
