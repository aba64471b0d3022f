"""Slack. Its libraries are imported only when an adapter is created."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from adapters.slack.manifest import manifest
from adapters.slack.settings import SlackSettings
from bot.interfaces.adapter import Adapter, Platform
from bot.interfaces.command import Command
from bot.interfaces.config import Section
from bot.interfaces.network import Network

BOT_TOKEN, APP_TOKEN = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"


def create(section: Section, secrets: Mapping[str, str], network: Network) -> Adapter:
    """Return the adapter of one app's tokens."""
    from adapters.slack.adapter import SlackAdapter  # the library imports slowly

    assert isinstance(section, SlackSettings)
    return SlackAdapter(section, secrets[BOT_TOKEN], secrets[APP_TOKEN], network=network)


def setup(section: Section, commands: Sequence[Command], environment: Mapping[str, str], *, plain: bool = False) -> str:
    """Return the app manifest as JSON, for https://api.slack.com/apps, "From a manifest"."""
    assert isinstance(section, SlackSettings)
    app_manifest = manifest(commands, section.ask_command, section.command, plain=plain)
    return json.dumps(app_manifest, indent=2, ensure_ascii=False)


PLATFORM = Platform(
    name="slack",
    settings=SlackSettings,
    secrets=(BOT_TOKEN, APP_TOKEN),
    create=create,
    setup=setup,
    plain_setup=partial(setup, plain=True),
)
