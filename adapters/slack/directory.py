"""Who and where, as Slack says: looked up when needed, remembered for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import monotonic

from adapters.slack.handle import Json
from adapters.slack.rest import Rest
from bot.errors import ShouldersError
from bot.types import Person

log = logging.getLogger(__name__)

NAME_SECONDS = 3_600.0
RIGHTS_SECONDS = 60.0
"""How old it may be what Slack said of somebody's rights, where they matter."""

PATIENCE = 1.5
"""Seconds for one look-up; an act must be acknowledged within 3."""

REMEMBERED = 10_000


class Directory:
    """People and channels. What cannot be found out has no rights and a plain name; nothing here raises."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._asked: dict[str, tuple[float, asyncio.Task[Json]]] = {}
        self._known: dict[str, Json] = {}

    async def person(self, key: str, *, rights: bool = False) -> Person:
        """Somebody; with `rights`, as they are now. Administrators are those of our own workspace."""
        age = RIGHTS_SECONDS if rights else NAME_SECONDS
        user, fresh = await self._look("user", key, age, lambda: self._rest.read("users.info", user=key))
        ours = fresh and user.get("team_id") == self._rest.team
        roles = {"owner": ours and user.get("is_owner"), "admin": ours and user.get("is_admin")}
        roles["guest"] = user.get("is_restricted") or user.get("is_ultra_restricted")
        held = tuple(role for role, holds in roles.items() if holds)
        administrator = "owner" in held or "admin" in held
        return Person(key, _name(user) or key, held, administrator, user.get("is_bot") is True)

    async def names(self, keys: Collection[str]) -> Mapping[str, str]:
        """Names by id."""
        people = await asyncio.gather(*(self.person(key) for key in set(keys) if key))
        return {person.id: person.name for person in people}

    async def place_name(self, channel: str) -> str:
        """Where something is said, for people."""
        if channel.startswith("D"):
            return "a direct message"
        ask = lambda: self._rest.read("conversations.info", channel=channel)  # noqa: E731 -- named for the line below
        found, _ = await self._look("channel", channel, NAME_SECONDS, ask)
        if found.get("is_mpim"):
            return "a group message"
        return f"#{found['name']} in {self._rest.team_name}" if found.get("name") else self._rest.team_name

    async def _look(self, kind: str, key: str, age: float, ask: Callable[[], Awaitable[Json]]) -> tuple[Json, bool]:
        """What Slack says of one thing, and whether it is that fresh; many who ask at once share one call."""
        at, asked = self._asked.get(key, (0.0, None))
        failed = asked is not None and asked.done() and (asked.cancelled() or asked.exception() is not None)
        if asked is None or failed or at < monotonic() - age:
            if len(self._asked) >= REMEMBERED:
                self._asked.clear()
                self._known.clear()
            asked = asyncio.create_task(self._ask(kind, ask))
            self._asked[key] = monotonic(), asked
        try:
            async with asyncio.timeout(PATIENCE):
                self._known[key] = await asyncio.shield(asked)
        except (ShouldersError, TimeoutError) as error:
            log.info("Slack does not say who or what %s is: %s", key, error or "too slow")
            return self._known.get(key, {}), False
        return self._known[key], True

    async def _ask(self, kind: str, ask: Callable[[], Awaitable[Json]]) -> Json:
        found = (await ask()).get(kind)
        return found if isinstance(found, dict) else {}


def _name(user: Json) -> str:
    profile = user.get("profile")
    shown = profile if isinstance(profile, dict) else {}
    return str(shown.get("display_name") or user.get("real_name") or user.get("name") or "")
