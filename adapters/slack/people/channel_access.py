"""The channels that a person may read now."""

from __future__ import annotations

from collections.abc import Collection

from adapters.slack.web_api import SlackApi
from bot.interfaces.adapter import Audience
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Person

MOST_PAGES = 50
"""The most pages of a person's channels: 10,000 channels."""


async def readable_channels(rest: SlackApi, person: Person, channels: Collection[str]) -> Collection[str]:
    """Return the channels that a person is in and, unless they are a guest, public ones. Raises PlatformError.

    Slack lists a private channel only if the bot is in it.
    """
    joined = await _joined(rest, person.id) if channels else set[str]()
    others = [] if person.guest else [channel for channel in channels if channel not in joined]
    return {
        *joined.intersection(channels),
        *[channel for channel in others if await audience(rest, channel) == "everybody"],
    }


async def _joined(rest: SlackApi, person: str) -> set[str]:
    where = {"user": person, "types": "public_channel,private_channel,mpim"}
    pages = rest.pages("users.conversations", MOST_PAGES, where)
    return {channel["id"] async for page in pages for channel in page.get("channels", ())}


async def audience(rest: SlackApi, channel: str) -> Audience:
    """Return the audience of a channel of the workspace. Raises PlatformError."""
    try:
        info = (await rest.read("conversations.info", {"channel": channel})).get("channel")
    except (Forbidden, Gone):
        return "none"
    if not info or info.get("is_im"):
        return "none"
    return "everybody" if info.get("is_private") is False and not info.get("is_mpim") else "some"
