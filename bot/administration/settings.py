"""Every setting, declared once: its type and range, its default, what it does, and in which scopes it may be set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeAlias, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bot.interfaces.config import Section
from bot.interfaces.errors import UserError
from bot.interfaces.messages import AnswersIn, Speaks

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | None
"""What a setting can be."""

Level = Literal["workspace", "channel", "thread", "me"]
"""A kind of scope, in the order in which the nearer wins; config.toml comes before all of them."""

LEVELS: tuple[Level, ...] = get_args(Level)

LONGEST = 8_000
"""Characters of a value."""

PLACEHOLDERS = ("name", "platform", "place", "date")
"""What a system prompt may have filled in, in braces."""

NEVER_OFF = "config"
"""The command that switches others on again."""

NONE = "none"
"""How people write that a name, or a list of names, is empty."""

_GROUPED = re.compile(r"\d{1,3}(,\d{3})+")

SYSTEM_PROMPT = """\
You are {name}, an assistant in a team's chat on {platform}, in {place}. Today is {date}.
Several people may take part; each message begins with its writer's name. Answer in Markdown, to the point."""


@dataclass(frozen=True, slots=True)
class SettingLevels:
    """The levels at which a setting may be set, and what completes its value, such as "models" or "commands"."""

    levels: tuple[Level, ...]
    completion: str = ""


ANYWHERE = ("workspace", "channel", "thread", "me")
HERE = ("workspace", "channel", "thread")
CHANNELS = ("workspace", "channel")
TEAM = ("workspace",)

PERSONAL = (
    *("model", "tasks", "persona", "temperature", "answer_tokens"),
    *("language", "streaming", "thinking", "private"),
)
"""The settings that can be set ANYWHERE, and by people for themselves unless administrators say otherwise."""


class Settings(Section):
    """All settings as they are in force somewhere. In config.toml the table [settings] gives every place's defaults."""

    model: Annotated[
        str,
        SettingLevels(ANYWHERE, "models"),
        Field(description="The model that answers; empty chooses by what there is."),
    ] = ""
    models: Annotated[
        tuple[str, ...],
        SettingLevels(CHANNELS, "models"),
        Field(strict=False, description="The models that may be used, separated by commas; empty allows all."),
    ] = ()
    tasks: Annotated[
        tuple[str, ...],
        SettingLevels(ANYWHERE, "tasks"),
        Field(
            strict=False,
            description="Who does tasks: local, chat or auto, as without any; for one task TASK=local or TASK=MODEL.",
        ),
    ] = ()
    persona: Annotated[
        str,
        SettingLevels(ANYWHERE, "personas"),
        Field(description="The persona that answers, by name; empty for none."),
    ] = ""
    system_prompt: Annotated[
        str,
        SettingLevels(HERE),
        Field(max_length=LONGEST, description="What the model is told first; {name}, {platform}, {place}, {date}."),
    ] = SYSTEM_PROMPT
    temperature: Annotated[
        float | None,
        SettingLevels(ANYWHERE),
        Field(ge=0, le=2, description="0 is sober, 1 is lively; “default” leaves it to the model."),
    ] = None
    answer_tokens: Annotated[
        int,
        SettingLevels(ANYWHERE),
        Field(ge=0, le=1_000_000, description="The longest answer in tokens; 0 is the model's own."),
    ] = 0
    context_tokens: Annotated[
        int,
        SettingLevels(HERE),
        Field(ge=0, le=10_000_000, description="How much of a conversation a model reads, in tokens; 0 is all it can."),
    ] = 0
    context_messages: Annotated[
        int,
        SettingLevels(HERE),
        Field(ge=0, le=100, description="Messages of a thread that are read when it is mentioned there."),
    ] = 20
    language: Annotated[
        str,
        SettingLevels(ANYWHERE),
        Field(max_length=60, description="The language of answers; empty is the question's."),
    ] = ""
    speak: Annotated[
        Speaks,
        SettingLevels(HERE),
        Field(description="When it answers: to mentions only, also to what follows in its threads, or to everything."),
    ] = "threads"
    answer_in: Annotated[
        AnswersIn,
        SettingLevels(CHANNELS),
        Field(description="Where a mention is answered: in a thread, in place, or as is the custom on the platform."),
    ] = "auto"
    streaming: Annotated[
        bool, SettingLevels(ANYWHERE), Field(description="Show answers while they are being written.")
    ] = True
    thinking: Annotated[
        bool,
        SettingLevels(ANYWHERE),
        Field(description="Show what a model thinks, where it says so, before its answer."),
    ] = False
    private: Annotated[
        bool,
        SettingLevels(("workspace", "channel", "me")),
        Field(description="Show answers to the person who asked alone."),
    ] = False
    direct_messages: Annotated[
        Literal["open", "closed"],
        SettingLevels(TEAM),
        Field(description="Whether people may ask in direct messages; on Discord these belong to no server."),
    ] = "open"
    feedback: Annotated[
        bool, SettingLevels(HERE), Field(description="Buttons under answers to say whether they were good.")
    ] = False
    continues: Annotated[
        Literal["person", "channel"],
        SettingLevels(CHANNELS),
        Field(description="Whether a new mention continues one's own conversation, or the channel's."),
    ] = "person"
    continue_minutes: Annotated[
        int,
        SettingLevels(CHANNELS),
        Field(ge=0, le=525_600, description="For how long a new mention continues a conversation."),
    ] = 15
    commands_off: Annotated[
        tuple[str, ...],
        SettingLevels(HERE, "commands"),
        Field(strict=False, description="Commands that are not answered, separated by commas."),
    ] = ()
    queue_person: Annotated[
        int,
        SettingLevels(CHANNELS),
        Field(ge=1, le=1_000, description="Questions of one person that may be unanswered at a time."),
    ] = 5
    queue_place: Annotated[
        int,
        SettingLevels(HERE),
        Field(ge=1, le=1_000, description="Questions that may wait in one channel or thread at a time."),
    ] = 20
    retention_days: Annotated[
        int,
        SettingLevels(HERE),
        Field(
            ge=0,
            le=36_500,
            description="Days that conversations are kept; older ones go within the hour; 0: none goes.",
        ),
    ] = 90
    keep: Annotated[
        Literal["nothing", "threads", "everything"],
        SettingLevels(HERE),
        Field(description="What is kept of messages not addressed to the bot, for it to read when it is asked."),
    ] = "nothing"
    personal: Annotated[
        tuple[str, ...],
        SettingLevels(CHANNELS, "personal"),
        Field(strict=False, description="Which settings people may set for themselves, separated by commas; or none."),
    ] = PERSONAL
    on_uninstall: Annotated[
        Literal["forget", "keep"],
        SettingLevels(TEAM),
        Field(description="What happens to a workspace's data when the bot is removed from it."),
    ] = "forget"
    audit_channel: Annotated[
        str,
        SettingLevels(TEAM, "channels"),
        Field(max_length=200, description="Where changes are announced; empty for nowhere."),
    ] = ""
    contact: Annotated[
        str,
        SettingLevels(CHANNELS),
        Field(max_length=200, description="Whom a refusal says to ask; empty: an administrator."),
    ] = ""


KEYS: Mapping[str, FieldInfo] = Settings.model_fields
"""Every setting by its key."""


def setting_levels(key: str) -> SettingLevels:
    """Where a setting may be set. Raises UserError for an unknown key."""
    return next(mark for mark in _field(key).metadata if isinstance(mark, SettingLevels))


def summary(key: str) -> str:
    """What a setting does, in a sentence."""
    return _field(key).description or ""


def choices(key: str) -> tuple[str, ...]:
    """The words that a setting's value is one of; () for a value that is free."""
    kind = _field(key).annotation
    if kind is bool:
        return ("on", "off")
    return get_args(kind) if get_origin(kind) is Literal else ()


def expected_value(key: str) -> str:
    """What a value must be, in words: "a number from 0 to 2"."""
    field = _field(key)
    if words := choices(key):
        return " or ".join(words) if len(words) == 2 else f"{', '.join(words[:-1])} or {words[-1]}"
    if field.annotation is str:
        return "text"
    if get_origin(field.annotation) is tuple:
        return "names separated by commas"
    least = next((mark.ge for mark in field.metadata if isinstance(mark, Ge)), None)
    most = next((mark.le for mark in field.metadata if isinstance(mark, Le)), None)
    number = f"a {'whole ' if field.annotation is int else ''}number from {least:,} to {most:,}"
    return f"{number}, or “default”" if isinstance(field.annotation, UnionType) else number


def parse(key: str, text: str) -> Value:
    """The value that people wrote. Raises UserError that says what the setting takes."""
    kind, written = _field(key).annotation, text.strip()
    if setting_levels(key).completion and written.lower() == NONE:
        written = ""
    if get_origin(kind) is tuple:
        return check(key, tuple(filter(None, map(str.strip, written.split(",")))), text)
    if optional(key) and written.lower() in ("default", NONE, ""):
        return check(key, None, text)
    if choices(key):
        written = written.lower()
    elif kind is int and _GROUPED.fullmatch(written):
        written = written.replace(",", "")
    return check(key, written, text)


def optional(key: str) -> bool:
    """Whether a setting's value can be left to the model."""
    kind = _field(key).annotation
    return isinstance(kind, UnionType) and NoneType in get_args(kind)


def check(key: str, raw: Value, written: str) -> Value:
    """A value made sure of. Raises UserError that says what the setting takes."""
    try:
        value: Value = _adapter(key).validate_python(raw, strict=isinstance(raw, bool) or None)  # true is no 1
    except ValidationError:
        shown = written if len(written) <= 60 else f"{written[:60]}…"
        raise UserError(f"{key} takes {expected_value(key)}; “{shown}” is not that.") from None
    if key == "system_prompt" and isinstance(value, str):
        check_placeholders(value)
    return value


def check_placeholders(prompt: str) -> None:
    """Raises UserError for a placeholder of a system prompt that is not known, or has more than its name in it."""
    try:
        parts = list(Formatter().parse(prompt))
    except ValueError as error:
        raise UserError(f"system_prompt has a brace that belongs to nothing ({error}). {_BRACES}") from None
    for _, name, layout, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or layout or conversion):
            raise UserError(f"system_prompt has a placeholder that is not known: {{{name[:60]}}}. {_BRACES}")


def check_commands_off(names: Sequence[str]) -> None:
    """Raises UserError where nobody could switch a command on again."""
    if NEVER_OFF in names:
        raise UserError(f"commands_off cannot hold {NEVER_OFF}: it is what switches the others on again.")


_BRACES = "It may use {name}, {platform}, {place} and {date}, and a plain brace is written twice."


def format_value(value: Value) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "default" if value is None else f"{value}"


def dump(value: Value) -> str:
    """A value as it is kept."""
    return json.dumps(value, ensure_ascii=False)


def load(key: str, kept: str) -> Value:
    """A kept value. Raises UserError when this version does not take it any more."""
    raw = json.loads(kept)
    return check(key, tuple(raw) if isinstance(raw, list) else raw, kept)


def _field(key: str) -> FieldInfo:
    if key not in KEYS:
        import difflib

        near = difflib.get_close_matches(key, KEYS, 1)
        hint = f"Did you mean {near[0]}?" if near else "`/config show` lists them."
        raise UserError(f"There is no setting {key[:60]}. {hint}")
    return KEYS[key]


@cache
def _adapter(key: str) -> TypeAdapter[Value]:
    field = KEYS[key]
    return TypeAdapter(Annotated[field.annotation, *field.metadata])  # type: ignore[arg-type]  # known at run time only
