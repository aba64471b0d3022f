"""The messages that people wrote while the bot was away, in places where it took part lately."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from adapters.slack.payloads import SlackMessage
from adapters.slack.reply_target import order_of, ts_of
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Place

log = logging.getLogger(__name__)

MOST_PLACES = 10
"""The most threads, and the most channels, that are read: Slack's rate limits allow so many at once."""

MOST_MESSAGES = 100


async def missed_messages(
    rest: SlackApi, relevant: Callable[[SlackMessage], object], seen: Sequence[tuple[Place, int]]
) -> Sequence[SlackMessage]:
    """Return `relevant` messages newer than the `seen` acts, oldest first.

    `seen` are places with the order of their newest act. Slack itself delivers events again only for some minutes.
    """
    newest = sorted(seen, key=lambda entry: entry[1], reverse=True)
    threads = [(place, order) for place, order in newest if place.thread][:MOST_PLACES]
    channels: dict[str, int] = {}
    for place, order in newest:
        channels.setdefault(place.channel, order)
    tasks = [_thread(rest, place.channel, place.thread, order) for place, order in threads]
    tasks += [_channel(rest, channel, order) for channel, order in list(channels.items())[:MOST_PLACES]]
    try:
        async with asyncio.timeout(rest.timeouts.catch_up):
            found = await asyncio.gather(*tasks)
    except TimeoutError:
        log.warning("Slack: missed messages are not read: the time is over")
        return ()
    events = {(event["channel"], event["ts"]): event for page in found for event in page}
    return sorted((event for event in events.values() if relevant(event)), key=lambda event: order_of(event["ts"]))


async def _thread(rest: SlackApi, channel: str, thread: str, after: int) -> Sequence[SlackMessage]:
    return await _read(rest, "conversations.replies", channel, after, ts=thread, oldest=ts_of(after))


async def _channel(rest: SlackApi, channel: str, after: int) -> Sequence[SlackMessage]:
    """Return a channel's messages; in direct messages also those in threads, which Slack lists separately."""
    if not channel.startswith("D"):
        return await _read(rest, "conversations.history", channel, after, oldest=ts_of(after))
    found = list(await _read(rest, "conversations.history", channel, 0))
    threads = [event for event in found if order_of(event.get("latest_reply", "0")) > after]
    replies = await asyncio.gather(*(_thread(rest, channel, event["ts"], after) for event in threads[:MOST_PLACES]))
    return [event for event in found if order_of(event["ts"]) > after] + [e for page in replies for e in page]


async def _read(rest: SlackApi, method: str, channel: str, after: int, **arguments: str) -> Sequence[SlackMessage]:
    try:
        page = await rest.read(method, {"channel": channel, "limit": MOST_MESSAGES, **arguments})
    except PlatformError as error:
        log.info("Missed messages in %s cannot be read: %s", channel, error)
        return ()
    place_fields: SlackMessage = {"channel": channel}
    events = [event | place_fields for event in page.get("messages", ())]
    return [event for event in events if order_of(event["ts"]) > after]
