"""/config: show, change, export and import settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.administration.settings import (
    KEYS,
    LEVELS,
    NONE,
    choices,
    expected_value,
    format_value,
    setting_levels,
    summary,
)
from bot.administration.state import scope_of
from bot.commands import _setting_changes, _settings_file
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request
from bot.interfaces.replies import LONGEST_LABEL, Answer, Choices, Done, Field, File, Form, Item, Menu, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.inputs import read_text
from bot.utils.formatting import brief, markdown_table

KEY = Option("key", "The setting", required=True, suggested=True)
SCOPE = Option("scope", "The level: the workspace, this channel, this thread, or only you", choices=LEVELS, named=True)

COMMAND = Command(
    "config",
    "Show and change settings",
    subcommands=(
        Command(
            "show",
            "Show the settings in force here, and their sources",
            (Option("key", "A setting to show in full", suggested=True),),
            passes=True,
            quiet=True,
        ),
        Command(
            "set",
            "Change a setting",
            (KEY, Option("value", "Its new value", suggested=True), SCOPE),
            passes=True,
            quiet=True,
            dialog=True,
        ),
        Command("reset", "Reset a setting at one level", (KEY, SCOPE), passes=True, quiet=True),
        Command(
            "export",
            "Export the settings of this workspace as a TOML file",
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "import",
            "Import settings from an exported TOML file",
            (
                Option("toml", "The text of the file"),
                Option("file", "The file itself", "file", named=True),
                Option("exact", "Also remove everything that the file does not name", "flag"),
            ),
            passes=True,
            quiet=True,
            administrative=True,
            dialog=True,
        ),
    ),
)

LONGEST_SUGGESTION = 100
"""The most characters of a suggestion; platforms cut longer ones off."""

EMPTY_LABELS = {"model": "The default model", "persona": "None"}
"""The label of an empty value, for settings that take one of several names."""

MOST_ITEMS = 25
"""The most items of a form's menu; with more, the form has a text field."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show, set, reset, export or import."""
    request = accepted.request
    arguments = request.arguments
    match request.command:
        case "config show" if arguments.get("key"):
            yield Text(setting_text(services, request, arguments["key"]))
        case "config show":
            yield Text(overview(services, request))
            yield Choices(menus(services, request))
        case "config set" if "value" not in arguments:
            key = arguments["key"]
            raise UserError(
                f"The value is missing. Write `/config set {key} VALUE`; {key} takes {expected_value(key)}."
            )
        case "config set":
            yield Text(
                await _setting_changes.set_setting(
                    services, request, arguments["key"], arguments["value"], arguments.get("scope", "")
                )
            )
        case "config reset":
            yield Text(
                await _setting_changes.reset_setting(services, request, arguments["key"], arguments.get("scope", ""))
            )
        case "config export":
            yield Text("These are the settings of this workspace. `/config import` reads this file.")
            exported = await _settings_file.export_settings(services.administration, request.place)
            yield File("shoulders.toml", exported.encode(), "Settings")
        case _:
            text, exact = await _file(services.adapters, request), bool(arguments.get("exact"))
            imported = await _settings_file.import_settings(services, request, text, exact=exact)
            yield Text(imported.message)
            if imported.before:
                yield File("before.toml", imported.before.encode(), "The settings before the import")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the settings, or the values of the chosen setting."""
    key = request.arguments.get("key", "")
    if option == "key":
        changed = services.administration.sources(request.place, request.person)
        return [name for name in KEYS if request.command != "config reset" or name in changed]
    if key not in KEYS:
        return ()
    offered = [*choices(key), *_setting_changes.possible_values(services, request, key)]
    return offered or [now for now in [_now(services, request, key)] if 0 < len(now) <= LONGEST_SUGGESTION]


async def dialog(services: Services, request: Request) -> Form | None:
    """Return a form for a setting's value, or for the text of an exported file."""
    arguments = request.arguments
    if request.command == "config import":
        exact = {"exact": arguments["exact"]} if arguments.get("exact") else {}
        field = Field("toml", "TOML", "text", hint="The text of a file from /config export. Attach a long one.")
        return (
            None if arguments.get("toml") or request.attachments else Form("Settings", "config import", (field,), exact)
        )
    key = arguments["key"]
    if "value" in arguments:
        return None
    personal = key in services.settings(request).personal
    levels_here = (level for level in setting_levels(key).levels if level != "me" or personal)
    possible = [level for level in levels_here if scope_of(level, request.place, request.person)]
    if not request.person.administrator:
        possible = [level for level in possible if level == "me"]
    if not possible:
        raise services.policy.administrators_only(request)
    scopes = tuple(Item(level, _setting_changes.level_label(level, request.place)[:75]) for level in possible)
    scope = Field(
        "scope",
        "Level",
        "choice",
        arguments.get("scope") or _setting_changes.default_level(request, tuple(possible)),
        scopes,
    )
    return Form(key[:24], "config set", (value_field(services, request, key), scope), {"key": key})


async def _file(adapters: Mapping[str, Adapter], request: Request) -> str:
    """Return the text of an exported file, attached or typed. Raises UserError."""
    written, files = request.arguments.get("toml", ""), request.attachments
    if len(files) > 1 or (files and written):
        raise UserError("An import takes one file. Attach one file, or write its text after the command.")
    return await read_text(adapters, request, files[0]) if files else written


async def home(services: Services, request: Request) -> Answer:
    """Return the settings in force, with menus to change them."""
    return Answer(overview(services, request), choices=menus(services, request))


def value_field(services: Services, request: Request, key: str) -> Field:
    """Return the form's field for one setting."""
    value, hint = getattr(services.settings(request), key), summary(key)[:100]
    now = _now(services, request, key)
    words, empty = choices(key), EMPTY_LABELS.get(key)
    offered = words or [
        word for word in _setting_changes.possible_values(services, request, key) if len(word) <= LONGEST_LABEL
    ]
    items = tuple(Item(word, word) for word in offered)
    if words:
        return Field("value", key, "choice", now, items, hint)
    if empty and len(offered) < MOST_ITEMS:
        return Field("value", key, "choice", value or NONE, (Item(NONE, empty), *items), hint)
    if isinstance(value, tuple) and set(value) <= set(offered) and 0 < len(offered) <= MOST_ITEMS:
        return Field("value", key, "several", ",".join(value), items, hint, required=False)
    return Field("value", key, "text" if len(now) > 80 else "line", now, hint=hint, required=False)


def menus(services: Services, request: Request) -> tuple[Menu, ...]:
    """Return a menu of the personal settings and, for administrators, a menu of the others."""
    personal = [key for key in KEYS if key in services.settings(request).personal]
    others = [key for key in KEYS if key not in personal] if request.person.administrator else []
    offered = {"Change your settings…": personal, "Change the bot's settings…": others}
    return tuple(
        Menu(label, "config set", "key", tuple(Item(key, key, summary(key)[:75]) for key in keys))
        for label, keys in offered.items()
        if keys
    )


def overview(services: Services, request: Request) -> str:
    """Return a table of the settings in force and their sources."""
    sources = services.administration.sources(request.place, request.person)
    stated = services.administration.base.model_fields_set
    rows = [
        (key, brief(_now(services, request, key)), sources.get(key, "config.toml" if key in stated else "default"))
        for key in KEYS
    ]
    table = markdown_table(("setting", "value", "source"), rows)
    return f"The settings in force here, for you:\n{table}\n`/config show KEY` explains one setting."


def setting_text(services: Services, request: Request, key: str) -> str:
    """Return the description of one setting and its value at every level."""
    allowed = setting_levels(key).levels
    administration = services.administration
    at = {"config.toml": getattr(administration.base, key)}
    for level in LEVELS:
        values = administration.values_at(level, request.place, request.person)
        at |= {level: values[key]} if key in values else {}
    lines = [f"- {level}: {_setting_changes.quoted_value(key, value)}" for level, value in at.items()]
    if "me" in at and key not in services.settings(request).personal:
        lines[-1] += ", which is not used here: everybody has the same value"
    nearest = f"`/config set {key} VALUE --scope {'|'.join(allowed)}` changes it. The most specific level applies."
    return "\n".join([f"**{key}**: {summary(key)} It takes {expected_value(key)}.", *lines, nearest])


def _now(services: Services, request: Request, key: str) -> str:
    value = format_value(getattr(services.settings(request), key))
    return value or (services.models.available(request).default if key == "model" else "")
