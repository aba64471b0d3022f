"""/config: every setting, what is in force here and where that comes from; to change, save and load."""

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

KEY = Option("key", "Which setting", required=True, suggested=True)
SCOPE = Option("scope", "For whom: the workspace, this channel or thread, or only you", choices=LEVELS, named=True)

COMMAND = Command(
    "config",
    "Settings: what is in force here, and change it",
    subcommands=(
        Command(
            "show",
            "What is in force here, and where it comes from",
            (Option("key", "One setting in full", suggested=True),),
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
        Command("reset", "Take a change back", (KEY, SCOPE), passes=True, quiet=True),
        Command(
            "export",
            "All that was set in this workspace, as a TOML file",
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "import",
            "Take over an exported TOML file",
            (
                Option("toml", "What the file says"),
                Option("file", "The file itself", "file", named=True),
                Option("exact", "Also take back what the file does not name", "flag"),
            ),
            passes=True,
            quiet=True,
            administrative=True,
            dialog=True,
        ),
    ),
)

LONGEST_SUGGESTION = 100
"""Characters; half of a longer value would be worse than none."""

NOTHING = {"model": "Whichever is there", "persona": "None"}
"""What it means where one of several names is wanted and none is set."""

MOST_ITEMS = 25
"""Of what a form lets choose; of more it takes the words."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show, set, reset, export or import."""
    request = accepted.request
    given = request.arguments
    match request.command:
        case "config show" if given.get("key"):
            yield Text(one(services, request, given["key"]))
        case "config show":
            yield Text(overview(services, request))
            yield Choices(menus(services, request))
        case "config set" if "value" not in given:
            key = given["key"]
            raise UserError(f"Write the new value after it: `/config set {key} VALUE`. It takes {expected_value(key)}.")
        case "config set":
            yield Text(
                await _setting_changes.put(services, request, given["key"], given["value"], given.get("scope", ""))
            )
        case "config reset":
            yield Text(await _setting_changes.take_back(services, request, given["key"], given.get("scope", "")))
        case "config export":
            yield Text("All that was set here; `/config import` takes it back in.")
            exported = await _settings_file.export_settings(services.administration, request.place)
            yield File("shoulders.toml", exported.encode(), "Settings")
        case _:
            text, exact = await _file(services.adapters, request), bool(given.get("exact"))
            taken = await _settings_file.import_settings(services, request, text, exact=exact)
            yield Text(taken.said)
            if taken.before:
                yield File("before.toml", taken.before.encode(), "The settings as they were before")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Keys, or values of the key that was chosen."""
    key = request.arguments.get("key", "")
    if option == "key":
        changed = services.administration.sources(request.place, request.person)
        return [name for name in KEYS if request.command != "config reset" or name in changed]
    if key not in KEYS:
        return ()
    offered = [*choices(key), *_setting_changes.offered(services, request, key)]
    return offered or [now for now in [_now(services, request, key)] if 0 < len(now) <= LONGEST_SUGGESTION]


async def dialog(services: Services, request: Request) -> Form | None:
    """A form with one setting's value, or for the text of an exported file."""
    given = request.arguments
    if request.command == "config import":
        exact = {"exact": given["exact"]} if given.get("exact") else {}
        field = Field(
            "toml", "TOML", "text", hint="The text of a file that /config export made; a long one is attached"
        )
        return None if given.get("toml") or request.attachments else Form("Settings", "config import", (field,), exact)
    key = given["key"]
    if "value" in given:
        return None
    personal = key in services.settings(request).personal
    levels_here = (level for level in setting_levels(key).levels if level != "me" or personal)
    possible = [level for level in levels_here if scope_of(level, request.place, request.person)]
    if not request.person.administrator:
        possible = [level for level in possible if level == "me"]
    if not possible:
        raise services.policy.administrators_only(request)
    scopes = tuple(Item(level, _setting_changes.named(level, request.place)[:75]) for level in possible)
    scope = Field(
        "scope", "For whom", "choice", given.get("scope") or _setting_changes.usual(request, tuple(possible)), scopes
    )
    return Form(key[:24], "config set", (value_field(services, request, key), scope), {"key": key})


async def _file(adapters: Mapping[str, Adapter], request: Request) -> str:
    """What an exported file says, attached or written. Raises UserError."""
    written, files = request.arguments.get("toml", ""), request.attachments
    if len(files) > 1 or (files and written):
        raise UserError("One thing at a time: attach one file, or write what it says.")
    return await read_text(adapters, request, files[0]) if files else written


async def home(services: Services, request: Request) -> Answer:
    """What is in force, and a way to change it."""
    return Answer(overview(services, request), choices=menus(services, request))


def value_field(services: Services, request: Request, key: str) -> Field:
    """How one setting's value is asked for."""
    value, hint = getattr(services.settings(request), key), summary(key)[:100]
    now = _now(services, request, key)
    words, empty = choices(key), NOTHING.get(key)
    offered = words or [word for word in _setting_changes.offered(services, request, key) if len(word) <= LONGEST_LABEL]
    items = tuple(Item(word, word) for word in offered)
    if words:
        return Field("value", key, "choice", now, items, hint)
    if empty and len(offered) < MOST_ITEMS:
        return Field("value", key, "choice", value or NONE, (Item(NONE, empty), *items), hint)
    if isinstance(value, tuple) and set(value) <= set(offered) and 0 < len(offered) <= MOST_ITEMS:
        return Field("value", key, "several", ",".join(value), items, hint, required=False)
    return Field("value", key, "text" if len(now) > 80 else "line", now, hint=hint, required=False)


def menus(services: Services, request: Request) -> tuple[Menu, ...]:
    """Pick a setting to change it, from those that everybody has for themselves or, for administrators, the others."""
    personal = [key for key in KEYS if key in services.settings(request).personal]
    others = [key for key in KEYS if key not in personal] if request.person.administrator else []
    offered = {"Change how you are answered…": personal, "Change how the bot behaves…": others}
    return tuple(
        Menu(label, "config set", "key", tuple(Item(key, key, summary(key)[:75]) for key in keys))
        for label, keys in offered.items()
        if keys
    )


def overview(services: Services, request: Request) -> str:
    """Every setting with its value and where that comes from."""
    sources = services.administration.sources(request.place, request.person)
    stated = services.administration.base.model_fields_set
    rows = [
        (key, brief(_now(services, request, key)), sources.get(key, "config.toml" if key in stated else "default"))
        for key in KEYS
    ]
    table = markdown_table(("setting", "value", "from"), rows)
    return f"In force here, for you:\n{table}\n`/config show KEY` says more of one."


def one(services: Services, request: Request, key: str) -> str:
    """One setting in full: what it does, its value at every level."""
    allowed = setting_levels(key).levels
    administration = services.administration
    at = {"config.toml": getattr(administration.base, key)}
    for level in LEVELS:
        values = administration.values_at(level, request.place, request.person)
        at |= {level: values[key]} if key in values else {}
    lines = [f"- {level}: {_setting_changes.quoted_value(key, value)}" for level, value in at.items()]
    if "me" in at and key not in services.settings(request).personal:
        lines[-1] += ", which does not count here: it is the same for everybody"
    nearest = f"`/config set {key} VALUE --scope {'|'.join(allowed)}` changes it; the nearest wins."
    return "\n".join([f"**{key}**: {summary(key)} It takes {expected_value(key)}.", *lines, nearest])


def _now(services: Services, request: Request, key: str) -> str:
    value = format_value(getattr(services.settings(request), key))
    return value or (services.models.available(request).default if key == "model" else "")
