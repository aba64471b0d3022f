"""Discord. discord.py is imported only when an adapter is created."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from adapters.discord.settings import DiscordSettings
from bot.interfaces.adapter import Adapter, Platform
from bot.interfaces.command import Command
from bot.interfaces.config import Section
from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Network

TOKEN = "DISCORD_TOKEN"  # noqa: S105 -- the name of a variable


VIEW, SEND, ATTACH, READ_HISTORY, OPEN_THREADS, SEND_IN_THREADS = 1 << 10, 1 << 11, 1 << 15, 1 << 16, 1 << 35, 1 << 38


PERMISSIONS = VIEW | SEND | ATTACH | READ_HISTORY | OPEN_THREADS | SEND_IN_THREADS


def invite(section: Section, commands: Sequence[Command], environment: Mapping[str, str]) -> str:
    """Return the link with which an administrator adds the bot to a server. Raises ConfigError without a token."""
    first = environment.get(TOKEN, "").partition(".")[0]
    try:
        application = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        application = ""
    if not application.isdigit():
        fault = "is not a bot's token" if first else "is not set"
        raise ConfigError(
            f"{TOKEN} {fault}, and the invite link needs it. Copy the token: developer portal, Bot, Reset Token."
        )
    query = {"client_id": application, "scope": "bot applications.commands", "permissions": PERMISSIONS}
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"


def create(section: Section, secrets: Mapping[str, str], network: Network) -> Adapter:
    """Return the adapter of one bot's token."""
    from adapters.discord.adapter import DiscordAdapter  # the library takes half a second to import

    assert isinstance(section, DiscordSettings)
    return DiscordAdapter(section, secrets[TOKEN], network=network)


PLATFORM = Platform(name="discord", settings=DiscordSettings, secrets=(TOKEN,), create=create, setup=invite)
