"""Every setting, declared once: its type and range, default, description and levels."""

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
"""The types of settings' values."""

Level = Literal["workspace", "channel", "thread", "me"]
"""A kind of scope. A later one wins over an earlier one, and all of them win over config.toml."""

LEVELS: tuple[Level, ...] = get_args(Level)

LONGEST = 8_000
"""The most characters of a value."""

PLACEHOLDERS = ("name", "platform", "place", "date")
"""The names that a system prompt can have in braces, to be replaced by their values."""

NEVER_OFF = "config"
"""The command that cannot be switched off, because it switches the others on again."""

NONE = "none"
"""The word for an empty name or list of names."""

_GROUPED = re.compile(r"\d{1,3}(,\d{3})+")

SYSTEM_PROMPT = """\
You are {name}, an assistant in a team's chat on {platform}, in {place}. Today is {date}.
Several people may take part; each message begins with its writer's name. Answer in Markdown, to the point."""


@dataclass(frozen=True, slots=True)
class SettingLevels:
    """The levels at which a setting can be set, and the kind of its completions, such as "models" or "commands"."""

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
"""The settings that people can set for themselves by default."""


class Settings(Section):
    """All settings in force for one place or person. The table [settings] of config.toml has the defaults."""

    model: Annotated[
        str,
        SettingLevels(ANYWHERE, "models"),
        Field(description="The model that answers. Empty: the first available one."),
    ] = ""
    models: Annotated[
        tuple[str, ...],
        SettingLevels(CHANNELS, "models"),
        Field(strict=False, description="The models that people may use, separated by commas. Empty: all."),
    ] = ()
    tasks: Annotated[
        tuple[str, ...],
        SettingLevels(ANYWHERE, "tasks"),
        Field(
            strict=False,
            description="The models that run tasks: local, chat or auto (default). Per task: TASK=local or TASK=MODEL.",
        ),
    ] = ()
    persona: Annotated[
        str,
        SettingLevels(ANYWHERE, "personas"),
        Field(description="The name of the persona that answers. Empty: none."),
    ] = ""
    system_prompt: Annotated[
        str,
        SettingLevels(HERE),
        Field(
            max_length=LONGEST, description="The system prompt. It can contain {name}, {platform}, {place} and {date}."
        ),
    ] = SYSTEM_PROMPT
    temperature: Annotated[
        float | None,
        SettingLevels(ANYWHERE),
        Field(
            ge=0, le=2, description="The randomness of answers: 0 is the least, “default” uses the model's own value."
        ),
    ] = None
    answer_tokens: Annotated[
        int,
        SettingLevels(ANYWHERE),
        Field(ge=0, le=1_000_000, description="The maximum length of an answer in tokens. 0: the model's limit."),
    ] = 0
    context_tokens: Annotated[
        int,
        SettingLevels(HERE),
        Field(
            ge=0,
            le=10_000_000,
            description="The maximum length in tokens of the conversation that a model reads. 0: the model's limit.",
        ),
    ] = 0
    context_messages: Annotated[
        int,
        SettingLevels(HERE),
        Field(
            ge=0,
            le=100,
            description="The number of earlier messages of a thread that the bot reads when it is mentioned there.",
        ),
    ] = 20
    language: Annotated[
        str,
        SettingLevels(ANYWHERE),
        Field(max_length=60, description="The language of answers. Empty: the language of the question."),
    ] = ""
    speak: Annotated[
        Speaks,
        SettingLevels(HERE),
        Field(description="The messages that the bot answers: mentions, also replies in its threads, or all messages."),
    ] = "threads"
    answer_in: Annotated[
        AnswersIn,
        SettingLevels(CHANNELS),
        Field(
            description="The place of the answer to a mention: a thread, the channel, or the platform's custom (auto)."
        ),
    ] = "auto"
    streaming: Annotated[bool, SettingLevels(ANYWHERE), Field(description="Show answers while they are written.")] = (
        True
    )
    thinking: Annotated[
        bool,
        SettingLevels(ANYWHERE),
        Field(description="Show a model's reasoning before its answer, if the model has any."),
    ] = False
    private: Annotated[
        bool,
        SettingLevels(("workspace", "channel", "me")),
        Field(description="Show answers only to the person who asked."),
    ] = False
    direct_messages: Annotated[
        Literal["open", "closed"],
        SettingLevels(TEAM),
        Field(description="Permission to ask in direct messages. On Discord they do not belong to a server."),
    ] = "open"
    feedback: Annotated[bool, SettingLevels(HERE), Field(description="Show buttons under answers that rate them.")] = (
        False
    )
    continues: Annotated[
        Literal["person", "channel"],
        SettingLevels(CHANNELS),
        Field(description="The conversation that a new mention continues: the person's or the channel's latest."),
    ] = "person"
    continue_minutes: Annotated[
        int,
        SettingLevels(CHANNELS),
        Field(ge=0, le=525_600, description="The minutes for which a new mention continues a conversation."),
    ] = 15
    commands_off: Annotated[
        tuple[str, ...],
        SettingLevels(HERE, "commands"),
        Field(strict=False, description="The commands that are switched off, separated by commas."),
    ] = ()
    queue_person: Annotated[
        int,
        SettingLevels(CHANNELS),
        Field(ge=1, le=1_000, description="The maximum number of unanswered questions of one person."),
    ] = 5
    queue_place: Annotated[
        int,
        SettingLevels(HERE),
        Field(ge=1, le=1_000, description="The maximum number of questions that wait in one channel or thread."),
    ] = 20
    retention_days: Annotated[
        int,
        SettingLevels(HERE),
        Field(
            ge=0,
            le=36_500,
            description="The days for which conversations are kept. Older ones are deleted within an hour. 0: forever.",
        ),
    ] = 90
    keep: Annotated[
        Literal["nothing", "threads", "everything"],
        SettingLevels(HERE),
        Field(description="The messages between people that are stored for the bot to read when somebody asks it."),
    ] = "nothing"
    personal: Annotated[
        tuple[str, ...],
        SettingLevels(CHANNELS, "personal"),
        Field(
            strict=False, description="The settings that people may set for themselves, separated by commas, or none."
        ),
    ] = PERSONAL
    on_uninstall: Annotated[
        Literal["forget", "keep"],
        SettingLevels(TEAM),
        Field(description="The treatment of a workspace's data when the bot is removed from it."),
    ] = "forget"
    audit_channel: Annotated[
        str,
        SettingLevels(TEAM, "channels"),
        Field(max_length=200, description="The channel in which changes are announced. Empty: none."),
    ] = ""
    contact: Annotated[
        str,
        SettingLevels(CHANNELS),
        Field(max_length=200, description="The contact that a refusal names. Empty: an administrator."),
    ] = ""


KEYS: Mapping[str, FieldInfo] = Settings.model_fields
"""Every setting by its key."""


def setting_levels(key: str) -> SettingLevels:
    """Return the levels and completions of a setting. Raises UserError for an unknown key."""
    return next(mark for mark in _field(key).metadata if isinstance(mark, SettingLevels))


def summary(key: str) -> str:
    """Return a setting's description, a sentence."""
    return _field(key).description or ""


def choices(key: str) -> tuple[str, ...]:
    """Return the possible words of a setting's value; () where other values are possible."""
    kind = _field(key).annotation
    if kind is bool:
        return ("on", "off")
    return get_args(kind) if get_origin(kind) is Literal else ()


def expected_value(key: str) -> str:
    """Return a description of the values that a setting takes: "a number from 0 to 2"."""
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
    """Return the value that a person wrote as `text`. Raises UserError, which names the values that are valid."""
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
    """Return whether a setting has the value None, which uses the model's own."""
    kind = _field(key).annotation
    return isinstance(kind, UnionType) and NoneType in get_args(kind)


def check(key: str, raw: Value, written: str) -> Value:
    """Return a valid value; `written` is the text to quote. Raises UserError, which names the values that are valid."""
    try:
        value: Value = _adapter(key).validate_python(raw, strict=isinstance(raw, bool) or None)  # true is not 1
    except ValidationError:
        quote = written if len(written) <= 60 else f"{written[:60]}…"
        raise UserError(f"“{quote}” is not a valid value of {key}. Write {expected_value(key)}.") from None
    if key == "system_prompt" and isinstance(value, str):
        check_placeholders(value)
    return value


def check_placeholders(prompt: str) -> None:
    """Raise UserError for an unknown placeholder of a system prompt, or one with more than a name in its braces."""
    try:
        parts = list(Formatter().parse(prompt))
    except ValueError:
        raise UserError(f"system_prompt has an unmatched brace. {_BRACES}") from None
    for _, name, layout, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or layout or conversion):
            raise UserError(f"system_prompt has an unknown placeholder: {{{name[:60]}}}. {_BRACES}")


def check_commands_off(names: Sequence[str]) -> None:
    """Raise UserError where nobody could switch a command on again."""
    if NEVER_OFF in names:
        raise UserError(
            f"commands_off cannot contain {NEVER_OFF}, because `/{NEVER_OFF}` switches the other commands on again."
        )


_BRACES = "Use {name}, {platform}, {place} and {date}, and write every other brace twice."


def format_value(value: Value) -> str:
    """Return a value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "default" if value is None else f"{value}"


def dump(value: Value) -> str:
    """Return a value as JSON, for the store."""
    return json.dumps(value, ensure_ascii=False)


def load(key: str, stored: str) -> Value:
    """Return the value of stored JSON. Raises UserError for a value that this version does not take."""
    raw = json.loads(stored)
    return check(key, tuple(raw) if isinstance(raw, list) else raw, stored)


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
