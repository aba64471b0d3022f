"""Slack. The library is imported only when an adapter is created."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from pydantic import Field

from adapters.slack.manifest import manifest
from bot.network import Network
from bot.ports import Adapter, Platform
from bot.section import Section
from bot.types import Command

BOT_TOKEN, APP_TOKEN = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"


class SlackSettings(Section):
    """The `[slack]` table. An empty address means Slack's own.

    `ask_command` and `command` are the slash commands that the app declares; Slack's names are not namespaced, so
    another app in the workspace may have one of them already. `pace` multiplies the rates that the bot allows itself,
    which are Slack's published ones; a workspace with raised limits can set more. `links_in_edits` says that links can
    be clicked in messages that were edited, too, although Slack documents no way to have no preview of them fetched.
    """

    api_url: str = Field(default="", pattern=r"^(https?://.*)?$")
    ask_command: str = Field(default="/ask", pattern=r"^/[a-z0-9_-]{1,31}$")
    command: str = Field(default="/shoulders", pattern=r"^/[a-z0-9_-]{1,31}$")
    pace: float = Field(default=1.0, gt=0)
    links_in_edits: bool = False


def create(section: Section, secrets: Mapping[str, str], network: Network) -> Adapter:
    """The adapter."""
    from adapters.slack.adapter import SlackAdapter  # the library takes its time to import

    assert isinstance(section, SlackSettings)
    return SlackAdapter(section, secrets[BOT_TOKEN], secrets[APP_TOKEN], network=network)


def setup(section: Section, commands: Sequence[Command], environment: Mapping[str, str], *, plain: bool = False) -> str:
    """The app manifest as JSON, to paste at https://api.slack.com/apps under "From a manifest"."""
    assert isinstance(section, SlackSettings)
    made = manifest(commands, section.ask_command, section.command, plain=plain)
    return json.dumps(made, indent=2, ensure_ascii=False)


PLATFORM = Platform(
    name="slack",
    settings=SlackSettings,
    secrets=(BOT_TOKEN, APP_TOKEN),
    create=create,
    setup=setup,
    plain_setup=partial(setup, plain=True),
)
