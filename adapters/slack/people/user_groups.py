"""Slack's user groups, which are roles in the bot: looked up once, and again after a change."""

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
"""The greatest age of known groups, for a workspace whose changes Slack does not report."""

FAILED_SECONDS = 30.0
NO_GROUPS = ("paid_teams_only", "plan_upgrade_required")
"""Errors of a workspace without user groups."""


class UserGroups:
    """The members and names of user groups. The last known ones count while Slack does not answer."""

    def __init__(self, rest: SlackApi) -> None:
        self._rest = rest
        self._lookups = LookupCache[Groups](failed_seconds=FAILED_SECONDS)

    def changed(self) -> None:
        """Outdate the known groups, and those of a look-up under way."""
        self._lookups.outdate(LIST)

    def close(self) -> None:
        """Forget everything."""
        self._lookups.close()

    async def of(self, person: str) -> tuple[str, ...]:
        """Return the ids of a person's groups. Raises PlatformError or ConfigError where Slack does not answer."""
        return _groups_of(await self._all(), person)

    def last_of(self, person: str) -> tuple[str, ...] | None:
        """Return the last known ids of a person's groups; None where they were never known."""
        known = self._lookups.last(LIST)
        return None if known is None else _groups_of(known, person)

    async def name(self, group: str) -> str:
        """Return a group's handle. Raises PlatformError or ConfigError where Slack does not answer."""
        return _handle(await self._all(), group)

    def last_name(self, group: str) -> str:
        """Return a group's last known handle, "" where it was never known."""
        return _handle(self._lookups.last(LIST) or {}, group)

    async def _all(self) -> Groups:
        """Return all groups by id; callers at the same time share one look-up."""
        lookup = self._lookups.fresh(LIST, GROUPS_SECONDS) or self._lookups.begin(LIST, self._look_up())
        return await asyncio.shield(lookup.answer)

    async def _look_up(self) -> Groups:
        try:
            answer = await self._rest.read(LIST, {"include_users": "true"})
        except PlatformError as error:
            if isinstance(error, SlackRefused) and error.code in NO_GROUPS:
                return {}
            consequence = (
                "rules for groups refuse until then"
                if self._lookups.last(LIST) is None
                else "the last known ones count"
            )
            log.warning("Slack does not return user groups (%s); %s", error, consequence)
            raise
        return {group["id"]: group for group in answer.get("usergroups", ())}


def _groups_of(groups: Mapping[str, Entry], person: str) -> tuple[str, ...]:
    return tuple(sorted(key for key, group in groups.items() if person in group.get("users", ())))


def _handle(groups: Mapping[str, Entry], group: str) -> str:
    found = groups.get(group)
    return (found.get("handle") or found.get("name", "")) if found else ""
