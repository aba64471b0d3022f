"""Slack's user groups, which are roles here: asked once, and anew when Slack says that they changed."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic

from adapters.slack.handle import Json
from adapters.slack.refusals import SlackRefused
from adapters.slack.rest import Rest, listed
from bot.errors import PlatformError

log = logging.getLogger(__name__)

LIST = "usergroups.list"
GROUPS_SECONDS = 300.0
"""How old it may be what is known, for a Slack that does not tell of changes."""

FAILED_SECONDS = 30.0
NO_GROUPS = ("paid_teams_only", "plan_upgrade_required")
"""What a workspace answers that cannot have user groups."""


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    task: asyncio.Task[dict[str, Json]]

    def serves(self, now: float) -> bool:
        """Whether nothing newer need be asked for."""
        failed = self.task.done() and (self.task.cancelled() or self.task.exception() is not None)
        return now < self.at + (FAILED_SECONDS if failed else GROUPS_SECONDS)


class Groups:
    """Who is in which user group, and what these are called."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._asked: _Asked | None = None

    def changed(self) -> None:
        """What is known is no longer so."""
        self._asked = None

    def close(self) -> None:
        """Forget everything."""
        if self._asked is not None:
            self._asked.task.cancel()
        self._asked = None

    async def of(self, person: str) -> tuple[str, ...]:
        """The groups somebody is in. Raises PlatformError or ConfigError when Slack does not say."""
        return tuple(sorted(key for key, group in (await self._all()).items() if person in _members(group)))

    async def name(self, group: str) -> str:
        """What people call a group. Raises PlatformError or ConfigError when Slack does not say."""
        found = (await self._all()).get(group, {})
        return str(found.get("handle") or found.get("name") or "")

    async def _all(self) -> dict[str, Json]:
        """Every group by its id; many who ask at once share one call."""
        if self._asked is None or not self._asked.serves(monotonic()):
            task = asyncio.create_task(self._ask())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
            self._asked = _Asked(monotonic(), task)
        return await asyncio.shield(self._asked.task)

    async def _ask(self) -> dict[str, Json]:
        try:
            answer = await self._rest.read(LIST, {"include_users": "true"})
        except PlatformError as error:
            if isinstance(error, SlackRefused) and error.code in NO_GROUPS:
                return {}
            log.warning("Rules for user groups do not hold, because Slack does not say who is in them: %s", error)
            raise
        return {str(group["id"]): group for group in listed(answer.get("usergroups"))}


def _members(group: Json) -> list[str]:
    users = group.get("users")
    return [str(user) for user in users] if isinstance(users, list) else []
