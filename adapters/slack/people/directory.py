"""People and channels of the workspace, looked up when needed and remembered for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from adapters.shared.lookups import LookupCache
from adapters.slack.incoming.deadline import look_up_timeout
from adapters.slack.payloads import Entry
from adapters.slack.people.user_groups import UserGroups
from adapters.slack.web_api import NAMES, SlackApi
from bot.interfaces.errors import ShouldersError
from bot.interfaces.messages import Person

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME_SECONDS = 3_600.0

MOST_NAMES = 20
"""The most look-ups of names for one message."""

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _LookupKind:
    """A kind of look-up; `name` is the argument's key and the response's."""

    method: str
    name: Literal["user", "channel"]


_PERSON, _CHANNEL = _LookupKind("users.info", "user"), _LookupKind("conversations.info", "channel")


class Directory:
    """People, channels and user groups. An unknown person has no rights and a plain name."""

    def __init__(self, rest: SlackApi) -> None:
        self.groups = UserGroups(rest)
        self._rest = rest
        self._lookups = LookupCache[Entry](REMEMBERED)

    async def person(self, key: str, *, rights: bool = False, named: bool = False) -> Person:
        """Return a person.

        With `rights`, the look-up may take all the time left; with `named`, only the name matters. A person without a
        first answer of Slack is a guest. Where Slack is late with user groups, the last known ones count.
        """
        needed, age = rights or self._lookups.last(key) is None, NAME_SECONDS if named else self._rest.timeouts.rights
        (user, fresh), roles = await asyncio.gather(self._look(_PERSON, key, age, needed=needed), self._roles(key))
        return self._person(key, user, roles, fresh=fresh)

    async def whois(self, key: str) -> Person:
        """Return a person with current rights; user groups may be the last known ones. Raises PlatformError."""
        call = self._lookups.keep(key, self._look_up(_PERSON, key, acquired=False))
        user, roles = await asyncio.gather(call, self._roles(key))
        return self._person(key, user, roles, fresh=True)

    def changed(self, user: Entry) -> None:
        """Store a person's new fields from an event, and drop the answers of look-ups under way."""
        key = user.get("id", "")
        if self._lookups.forget(key) and "is_admin" in user:
            self._lookups.store(key, user)

    def close(self) -> None:
        """Forget everything."""
        self._lookups.close()
        self.groups.close()

    async def names(self, keys: Collection[str], here: str = "", *, look: bool = True) -> Mapping[str, str]:
        """Return the names of people, channels and user groups by id: known ones, and those of a few look-ups.

        A private channel has a name only in `here`, the channel itself. Without `look`, nothing is looked up.
        """
        ids = list(dict.fromkeys(filter(None, keys)))
        allowed = {*self._unknown(ids)[:MOST_NAMES], *(key for key in ids if key.startswith("S"))} if look else ()
        names = await asyncio.gather(*(self._name_of(key, here, look=key in allowed) for key in ids))
        return dict(zip(ids, names, strict=True))

    async def place_name(self, channel: str) -> str:
        """Return a place's name for people."""
        if not channel or channel.startswith("D"):
            return "a direct message"
        entry, _ = await self._look(_CHANNEL, channel, NAME_SECONDS)
        if entry.get("is_mpim"):
            return "a group message"
        return f"#{entry['name']} in {self._rest.team_name}" if entry.get("name") else self._rest.team_name

    def _unknown(self, keys: Sequence[str]) -> Sequence[str]:
        """Return the people and channels without a fresh name."""
        return [key for key in keys if not (key.startswith("S") or self._lookups.fresh(key, NAME_SECONDS))]

    async def _name_of(self, key: str, here: str, *, look: bool) -> str:
        if key.startswith("S"):
            name = await self._in_time(self.groups.name(key)) if look else ""
            return name or self.groups.last_name(key)
        kind = _CHANNEL if key.startswith(("C", "G")) else _PERSON
        known = self._lookups.last(key) or {}
        if look or self._lookups.fresh(key, NAME_SECONDS):
            known, _ = await self._look(kind, key, NAME_SECONDS, (NAMES,))
        if kind is _PERSON:
            return _name(known)
        is_private = known.get("is_private") or known.get("is_im") or known.get("is_mpim")
        return "" if is_private and key != here else known.get("name", "")

    async def _roles(self, key: str) -> tuple[str, ...] | None:
        """Return the ids of a person's user groups, current or last known; None where they were never known."""
        roles = await self._in_time(self.groups.of(key))
        return self.groups.last_of(key) if roles is None else roles

    async def _in_time(self, call: Awaitable[T]) -> T | None:
        try:
            async with look_up_timeout(self._rest.timeouts.look_up):
                return await call
        except (ShouldersError, TimeoutError):
            return None

    def _person(self, key: str, user: Entry, roles: tuple[str, ...] | None, *, fresh: bool) -> Person:
        """Return a person. Administrators are those of this workspace; guests are all but its full members."""
        is_member = self._rest.team in (user.get("team_id"), *user.get("enterprise_user", {}).get("teams", ()))
        manages = user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner")
        is_limited = user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
        return Person(
            key,
            _name(user) or key,
            roles or (),
            administrator=bool(fresh and is_member and manages and not user.get("deleted")),
            bot=user.get("is_bot") is True,
            guest=bool(is_limited or not is_member),
            home=self._rest.team,
            unsaid="person" if not user else "roles" if roles is None else "",
        )

    async def _look(
        self, kind: _LookupKind, key: str, age: float, rate_limits: Sequence[str] = (), *, needed: bool = False
    ) -> tuple[Entry, bool]:
        """Return an entry, and whether it is fresh; callers at the same time share one look-up.

        The look-up counts against `rate_limits`, too. A look-up that is not `needed` is made only if the rate limits
        allow it at once.
        """
        lookup = self._lookups.fresh(key, age)
        if lookup is None:
            at_once = self._rest.limiter.try_acquire((kind.method, *rate_limits))
            if not (at_once or needed):
                return self._lookups.last(key) or {}, False
            lookup = self._lookups.begin(key, self._look_up(kind, key, acquired=at_once), at_once=at_once)
        if not (lookup.at_once or lookup.answer.done() or needed):
            return self._lookups.last(key) or {}, False
        try:
            async with look_up_timeout(self._rest.timeouts.look_up):
                return await asyncio.shield(lookup.answer), True
        except (ShouldersError, TimeoutError) as error:
            log.info("%s cannot be looked up: %s", key, error or "timeout")
            return self._lookups.last(key) or {}, False

    async def _look_up(self, kind: _LookupKind, key: str, *, acquired: bool) -> Entry:
        answer = await self._rest.read(kind.method, {kind.name: key}, acquired=acquired)
        return answer.get(kind.name, {})


def _name(user: Entry) -> str:
    return user.get("profile", {}).get("display_name") or user.get("real_name") or user.get("name", "")
