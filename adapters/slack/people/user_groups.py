"""Slack's user groups, which are roles here: asked once, and anew when Slack says that they changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from adapters.slack.errors import SlackRefused
from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi, listed
from bot.interfaces.errors import PlatformError

log = logging.getLogger(__name__)

LIST = "usergroups.list"
GROUPS_SECONDS = 300.0
"""How old it may be what is known, for a Slack that does not tell of changes."""

FAILED_SECONDS = 30.0
NO_GROUPS = ("paid_teams_only", "plan_upgrade_required")
"""What a workspace answers that cannot have user groups."""


@dataclass(frozen=True, slots=True)
class _GroupLookup:
    at: float
    task: asyncio.Task[dict[str, Json]]

    def serves(self, now: float) -> bool:
        """Whether nothing newer need be asked for."""
        failed = self.task.done() and (self.task.cancelled() or self.task.exception() is not None)
        return now < self.at + (FAILED_SECONDS if failed else GROUPS_SECONDS)


class UserGroups:
    """Who is in which user group, and what these are called. What was last known serves while Slack does not say."""

    def __init__(self, rest: SlackApi) -> None:
        self._rest = rest
        self._asked: _GroupLookup | None = None
        self._known: dict[str, Json] | None = None
        self._changes = 0

    def changed(self) -> None:
        """What is known is no longer so, nor is what is just being asked."""
        self._changes += 1
        self._asked = None

    def close(self) -> None:
        """Forget everything."""
        if self._asked is not None:
            self._asked.task.cancel()
        self._asked = self._known = None

    async def of(self, person: str) -> tuple[str, ...]:
        """The groups somebody is in. Raises PlatformError or ConfigError when Slack does not say."""
        return _held(await self._all(), person)

    def last_of(self, person: str) -> tuple[str, ...] | None:
        """The groups somebody was in when Slack last said; None where it never did."""
        return None if self._known is None else _held(self._known, person)

    async def name(self, group: str) -> str:
        """The handle of a group. Raises PlatformError or ConfigError when Slack does not say."""
        return _called(await self._all(), group)

    def last_name(self, group: str) -> str:
        """The handle of a group when Slack last said, "" where it never did."""
        return _called(self._known or {}, group)

    async def _all(self) -> dict[str, Json]:
        """Every group by its id; many who ask at once share one call."""
        if self._asked is None or not self._asked.serves(monotonic()):
            task = asyncio.create_task(self._ask())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
            self._asked = _GroupLookup(monotonic(), task)
        return await asyncio.shield(self._asked.task)

    async def _ask(self) -> dict[str, Json]:
        before, found = self._changes, dict[str, Json]()
        try:
            answer = await self._rest.read(LIST, {"include_users": "true"})
        except PlatformError as error:
            if not (isinstance(error, SlackRefused) and error.code in NO_GROUPS):
                held = "what it said last" if self._known is not None else "refusing where a rule depends on them"
                log.warning("Slack does not say who is in which user group (%s): the bot goes by %s", error, held)
                raise
        else:
            found = {str(group["id"]): group for group in listed(answer.get("usergroups"))}
        if before == self._changes:
            self._known = found
        return found


def _held(groups: Mapping[str, Json], person: str) -> tuple[str, ...]:
    return tuple(sorted(key for key, group in groups.items() if person in _members(group)))


def _called(groups: Mapping[str, Json], group: str) -> str:
    found = groups.get(group, {})
    return str(found.get("handle") or found.get("name") or "")


def _members(group: Json) -> list[str]:
    users = group.get("users")
    return [str(user) for user in users] if isinstance(users, list) else []
