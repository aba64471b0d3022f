"""Who and where, as Slack says: looked up when needed, remembered for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from adapters.slack.groups import Groups
from adapters.slack.handle import Json
from adapters.slack.rest import Rest
from bot.errors import ShouldersError
from bot.types import Person

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME_SECONDS = 3_600.0
RIGHTS_SECONDS = 60.0
"""How old it may be what Slack said of somebody's rights, for a Slack that does not tell of changes."""

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
    """People, channels and user groups. What cannot be found out has no rights and a plain name."""

    def __init__(self, rest: Rest) -> None:
        self.groups = Groups(rest)
        self._rest = rest
        self._asked: dict[str, _Asked] = {}
        self._known: dict[str, Json] = {}
        self._changes = 0

    async def person(self, key: str, *, rights: bool = False, named: bool = False) -> Person:
        """Somebody; with `rights`, waited for as long as there is time, while for one `named` only the name matters.

        Of whom Slack said nothing yet is a guest.
        """
        needed, age = rights or key not in self._known, NAME_SECONDS if named else RIGHTS_SECONDS
        (user, fresh), roles = await asyncio.gather(
            self._look(_PERSON, key, age, needed=needed), self._in_time(self.groups.of(key), ())
        )
        return self._person(key, user, roles, fresh=fresh)

    async def whois(self, key: str) -> Person:
        """Somebody, as Slack says now. Raises PlatformError when it does not."""
        user, roles = await asyncio.gather(self._ask(_PERSON, key, paced=False), self.groups.of(key))
        return self._person(key, user, roles, fresh=True)

    def changed(self, key: str) -> None:
        """What is known of somebody is no longer so, nor is what is just being asked of anybody."""
        self._changes += 1
        self._asked.pop(key, None)
        self._known.pop(key, None)

    def close(self) -> None:
        """Forget everything."""
        for asked in self._asked.values():
            asked.task.cancel()
        self._asked.clear()
        self._known.clear()
        self.groups.close()

    async def names(self, keys: Collection[str]) -> Mapping[str, str]:
        """Names of people, channels and user groups by id."""
        found = list(dict.fromkeys(filter(None, keys)))
        return dict(zip(found, await asyncio.gather(*map(self._named, found)), strict=True))

    async def place_name(self, channel: str) -> str:
        """Where something is said, for people."""
        if not channel or channel.startswith("D"):
            return "a direct message"
        found, _ = await self._look(_CHANNEL, channel, NAME_SECONDS)
        if found.get("is_mpim"):
            return "a group message"
        return f"#{found['name']} in {self._rest.team_name}" if found.get("name") else self._rest.team_name

    async def _named(self, key: str) -> str:
        if key.startswith("S"):
            return await self._in_time(self.groups.name(key), "")
        if key.startswith(("C", "G")):
            return str((await self._look(_CHANNEL, key, NAME_SECONDS))[0].get("name", ""))
        return _name((await self._look(_PERSON, key, NAME_SECONDS))[0])

    async def _in_time(self, asking: Awaitable[T], otherwise: T) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                return await asking
        except (ShouldersError, TimeoutError):
            return otherwise

    def _person(self, key: str, user: Json, roles: tuple[str, ...], *, fresh: bool) -> Person:
        """Administrators are those of our own workspace; guests everybody who is not wholly a member of it."""
        ours = self._rest.team in (user.get("team_id"), *_teams(user))
        leads = any(user.get(f"is_{right}") for right in ("admin", "owner", "primary_owner"))
        partly = any(user.get(f"is_{kind}") for kind in ("restricted", "ultra_restricted", "stranger"))
        return Person(
            key,
            _name(user) or key,
            roles,
            administrator=bool(fresh and ours and leads and not user.get("deleted")),
            bot=user.get("is_bot") is True,
            guest=bool(partly or not ours),
            home=self._rest.team,
        )

    async def _look(self, kind: _Kind, key: str, age: float, *, needed: bool = False) -> tuple[Json, bool]:
        """What Slack says of one thing, and whether it is that fresh; many who ask at once share one call.

        Unless it is `needed`, nobody waits for a slot in Slack's rates: it will be known next time.
        """
        asked = self._asked.get(key)
        if asked is None or asked.failed or asked.at < monotonic() - age:
            if len(self._asked) >= REMEMBERED:
                oldest = next(iter(self._asked))
                del self._asked[oldest]
                self._known.pop(oldest, None)
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
        before = self._changes
        answer = (await self._rest.read(kind.method, {kind.name: key}, paced=paced)).get(kind.name)
        found = answer if isinstance(answer, dict) else {}
        if before == self._changes:
            self._known[key] = found
        return found


def _teams(user: Json) -> list[str]:
    """The workspaces of an organisation that somebody is in."""
    organisation = user.get("enterprise_user")
    teams = organisation.get("teams") if isinstance(organisation, dict) else None
    return [str(team) for team in teams] if isinstance(teams, list) else []


def _name(user: Json) -> str:
    profile = user.get("profile")
    shown = profile if isinstance(profile, dict) else {}
    return str(shown.get("display_name") or user.get("real_name") or user.get("name") or "")
