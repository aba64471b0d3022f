"""Slack's user groups, which are roles here: asked once, and anew when Slack says that they changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TypeAlias

from adapters.shared.lookups import LookupCache
from adapters.slack.errors import SlackRefused
from adapters.slack.payloads import Entry
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import PlatformError

log = logging.getLogger(__name__)

LIST = "usergroups.list"
Groups: TypeAlias = dict[str, Entry]
GROUPS_SECONDS = 300.0
"""How old it may be what is known, for a Slack that does not tell of changes."""

FAILED_SECONDS = 30.0
NO_GROUPS = ("paid_teams_only", "plan_upgrade_required")
"""What a workspace answers that cannot have user groups."""


class UserGroups:
    """Who is in which user group, and what these are called. What was last known serves while Slack does not say."""

    def __init__(self, rest: SlackApi) -> None:
        self._rest = rest
        self._lookups = LookupCache[Groups](failed_seconds=FAILED_SECONDS)

    def changed(self) -> None:
        """What is known is no longer so, nor is what is just being asked."""
        self._lookups.outdate(LIST)

    def close(self) -> None:
        """Forget everything."""
        self._lookups.close()

    async def of(self, person: str) -> tuple[str, ...]:
        """The groups somebody is in. Raises PlatformError or ConfigError when Slack does not say."""
        return _held(await self._all(), person)

    def last_of(self, person: str) -> tuple[str, ...] | None:
        """The groups somebody was in when Slack last said; None where it never did."""
        known = self._lookups.last(LIST)
        return None if known is None else _held(known, person)

    async def name(self, group: str) -> str:
        """The handle of a group. Raises PlatformError or ConfigError when Slack does not say."""
        return _called(await self._all(), group)

    def last_name(self, group: str) -> str:
        """The handle of a group when Slack last said, "" where it never did."""
        return _called(self._lookups.last(LIST) or {}, group)

    async def _all(self) -> Groups:
        """Return every group by its id; many who ask at once share one call."""
        lookup = self._lookups.fresh(LIST, GROUPS_SECONDS) or self._lookups.begin(LIST, self._ask())
        return await asyncio.shield(lookup.answer)

    async def _ask(self) -> Groups:
        try:
            answer = await self._rest.read(LIST, {"include_users": "true"})
        except PlatformError as error:
            if isinstance(error, SlackRefused) and error.code in NO_GROUPS:
                return {}
            held = "refusing where a rule depends on them" if self._lookups.last(LIST) is None else "what it said last"
            log.warning("Slack does not say who is in which user group (%s): the bot goes by %s", error, held)
            raise
        return {group["id"]: group for group in answer.get("usergroups", ())}


def _held(groups: Mapping[str, Entry], person: str) -> tuple[str, ...]:
    return tuple(sorted(key for key, group in groups.items() if person in group.get("users", ())))


def _called(groups: Mapping[str, Entry], group: str) -> str:
    found = groups.get(group)
    return (found.get("handle") or found.get("name", "")) if found else ""
