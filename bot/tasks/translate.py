"""translate: a text in another language, line by line."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cutting import lines
from bot.inference.kinds import Rewrite
from bot.steps import one_by_one, told_throughout
from bot.task import Given, Steps, Task
from bot.types import Option

CODES: Mapping[str, str] = {
    "arabic": "ar",
    "chinese": "zh",
    "czech": "cs",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "hindi": "hi",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "thai": "th",
    "turkish": "tr",
    "ukrainian": "uk",
    "vietnamese": "vi",
}
"""What people call languages, as models of many know them; any other is passed on as it was written."""


def code(language: str) -> str:
    """A language as models know it."""
    return CODES.get(language.lower(), language)


def _steps(given: Given) -> Steps[None]:
    target = given.option("to", given.language)

    def make(text: str) -> Rewrite:
        prefix = given.prefix.replace("{to}", target or "English")
        return Rewrite(text, prefix, code(given.option("from")), "" if prefix else code(target))

    yield from one_by_one(lines(given.text, given.room), make)


def _told(given: Given) -> Steps[None]:
    origin = f" from {given.option('from')}" if given.option("from") else ""
    target = given.option("to", given.language) or "English"
    instruction = (
        f"Translate the text{origin} into {target}. Keep its form, names and tone; write the translation alone."
    )
    yield from told_throughout(instruction, given)


TASK = Task(
    "translate",
    "A text in another language",
    "rewrite",
    _steps,
    _told,
    model="facebook/mbart-large-50-many-to-many-mmt",
    own=(
        Option("to", "Into which language; else the one that is set for you, or English", named=True),
        Option("from", "From which language", named=True),
    ),
    shortcut="Translate",
    tags=("translation", "text2text-generation"),
)
