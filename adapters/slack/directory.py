"""Who and where, as Slack says: looked up when needed, remembered for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Kind:
    """`name` is both the argument's and that of what is answered."""

    method: str
    name: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A look-up made or under way; `at_once` says that it did not wait for a slot."""

    at: float
    task: asyncio.Task[Json]
    at_once: bool

    @property
    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


_PERSON, _CHANNEL = _Kind("users.info", "user"), _Kind("conversations.info", "channel")


class Directory:
    """People and channels. What cannot be found out has no rights and a plain name; nothing here raises."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._asked: dict[str, _Asked] = {}
        self._known: dict[str, Json] = {}

    async def person(self, key: str, *, rights: bool = False) -> Person:
        """Somebody; with `rights`, as they are now. Administrators are those of our own workspace."""
        user, fresh = await self._look(_PERSON, key, RIGHTS_SECONDS if rights else NAME_SECONDS, needed=rights)
        ours = fresh and user.get("team_id") == self._rest.team
        roles = {"owner": ours and user.get("is_owner"), "admin": ours and user.get("is_admin")}
        roles["guest"] = user.get("is_restricted") or user.get("is_ultra_restricted")
        held = tuple(role for role, holds in roles.items() if holds)
        administrator = "owner" in held or "admin" in held
        return Person(key, _name(user) or key, held, administrator, user.get("is_bot") is True)

    def close(self) -> None:
        """Forget everything."""
        for asked in self._asked.values():
            asked.task.cancel()
        self._asked.clear()
        self._known.clear()

    async def names(self, keys: Collection[str]) -> Mapping[str, str]:
        """Names by id."""
        people = await asyncio.gather(*(self.person(key) for key in set(keys) if key))
        return {person.id: person.name for person in people}

    async def place_name(self, channel: str) -> str:
        """Where something is said, for people."""
        if channel.startswith("D"):
            return "a direct message"
        found, _ = await self._look(_CHANNEL, channel, NAME_SECONDS)
        if found.get("is_mpim"):
            return "a group message"
        return f"#{found['name']} in {self._rest.team_name}" if found.get("name") else self._rest.team_name

    async def _look(self, kind: _Kind, key: str, age: float, *, needed: bool = False) -> tuple[Json, bool]:
        """What Slack says of one thing, and whether it is that fresh; many who ask at once share one call.

        Unless it is `needed`, nobody waits for a slot in Slack's rates: it will be known next time.
        """
        asked = self._asked.get(key)
        if asked is None or asked.failed or asked.at < monotonic() - age:
            if len(self._asked) >= REMEMBERED:
                self.close()
            at_once = self._rest.pacer.spare((kind.method,))
            task = asyncio.create_task(self._ask(kind, key, paced=at_once))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
            asked = self._asked[key] = _Asked(monotonic(), task, at_once)
        if not (asked.at_once or asked.task.done() or needed):
            return self._known.get(key, {}), False
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(asked.task), True
        except (ShouldersError, TimeoutError) as error:
            log.info("Slack does not say who or what %s is: %s", key, error or "too slow")
            return self._known.get(key, {}), False

    async def _ask(self, kind: _Kind, key: str, *, paced: bool) -> Json:
        found = (await self._rest.read(kind.method, {kind.name: key}, paced=paced)).get(kind.name)
        self._known[key] = found if isinstance(found, dict) else {}
        return self._known[key]


def _name(user: Json) -> str:
    profile = user.get("profile")
    shown = profile if isinstance(profile, dict) else {}
    return str(shown.get("display_name") or user.get("real_name") or user.get("name") or "")
