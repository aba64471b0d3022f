"""Who and where, as Slack says: looked up when needed, remembered for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from adapters.shared.lookups import LookupCache
from adapters.slack.incoming.deadline import patience
from adapters.slack.payloads import Entry
from adapters.slack.people.user_groups import UserGroups
from adapters.slack.web_api import NAMES, SlackApi
from bot.interfaces.errors import ShouldersError
from bot.interfaces.messages import Person

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME_SECONDS = 3_600.0

MOST_NAMES = 20
"""Look-ups of names that one message costs at most."""

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _LookupKind:
    """`name` is both the argument's and that of what is answered."""

    method: str
    name: Literal["user", "channel"]


_PERSON, _CHANNEL = _LookupKind("users.info", "user"), _LookupKind("conversations.info", "channel")


class Directory:
    """People, channels and user groups. What cannot be found out has no rights and a plain name."""

    def __init__(self, rest: SlackApi) -> None:
        self.groups = UserGroups(rest)
        self._rest = rest
        self._lookups = LookupCache[Entry](REMEMBERED)

    async def person(self, key: str, *, rights: bool = False, named: bool = False) -> Person:
        """Somebody; with `rights`, waited for as long as there is time, while for one `named` only the name matters.

        Of whom Slack said nothing yet is a guest. Where it does not say in time who is in which group, that is as it
        last was.
        """
        needed, age = rights or self._lookups.last(key) is None, NAME_SECONDS if named else self._rest.timeouts.rights
        (user, fresh), roles = await asyncio.gather(self._look(_PERSON, key, age, needed=needed), self._roles(key))
        return self._person(key, user, roles, fresh=fresh)

    async def whois(self, key: str) -> Person:
        """Somebody, as Slack says now, but for groups, which may be those of last time. Raises PlatformError."""
        asking = self._lookups.keep(key, self._ask(_PERSON, key, paced=False))
        user, roles = await asyncio.gather(asking, self._roles(key))
        return self._person(key, user, roles, fresh=True)

    def changed(self, user: Entry) -> None:
        """Somebody is as Slack tells now, as far as it tells; what is just being asked of anybody is not remembered."""
        key = user.get("id", "")
        if self._lookups.forget(key) and "is_admin" in user:
            self._lookups.store(key, user)

    def close(self) -> None:
        """Forget everything."""
        self._lookups.close()
        self.groups.close()

    async def names(self, keys: Collection[str], here: str = "", *, look: bool = True) -> Mapping[str, str]:
        """Names of people, channels and user groups by id, as far as known names and a few look-ups tell.

        Of private channels only the one `here` has a name. Without `look` nothing is asked for.
        """
        found = list(dict.fromkeys(filter(None, keys)))
        allowed = {*self._unknown(found)[:MOST_NAMES], *(key for key in found if key.startswith("S"))} if look else ()
        named = await asyncio.gather(*(self._named(key, here, look=key in allowed) for key in found))
        return dict(zip(found, named, strict=True))

    async def place_name(self, channel: str) -> str:
        """Where something is said, for people."""
        if not channel or channel.startswith("D"):
            return "a direct message"
        found, _ = await self._look(_CHANNEL, channel, NAME_SECONDS)
        if found.get("is_mpim"):
            return "a group message"
        return f"#{found['name']} in {self._rest.team_name}" if found.get("name") else self._rest.team_name

    def _unknown(self, keys: Sequence[str]) -> Sequence[str]:
        """Those people and channels that a look-up would be made for."""
        return [key for key in keys if not (key.startswith("S") or self._lookups.fresh(key, NAME_SECONDS))]

    async def _named(self, key: str, here: str, *, look: bool) -> str:
        if key.startswith("S"):
            found = await self._in_time(self.groups.name(key)) if look else ""
            return found or self.groups.last_name(key)
        kind = _CHANNEL if key.startswith(("C", "G")) else _PERSON
        known = self._lookups.last(key) or {}
        if look or self._lookups.fresh(key, NAME_SECONDS):
            known, _ = await self._look(kind, key, NAME_SECONDS, (NAMES,))
        if kind is _PERSON:
            return _name(known)
        closed = known.get("is_private") or known.get("is_im") or known.get("is_mpim")
        return "" if closed and key != here else known.get("name", "")

    async def _roles(self, key: str) -> tuple[str, ...] | None:
        """The groups somebody is in, or was when Slack last said; None where it never did."""
        roles = await self._in_time(self.groups.of(key))
        return self.groups.last_of(key) if roles is None else roles

    async def _in_time(self, asking: Awaitable[T]) -> T | None:
        try:
            async with patience(self._rest.timeouts.look_up):
                return await asking
        except (ShouldersError, TimeoutError):
            return None

    def _person(self, key: str, user: Entry, roles: tuple[str, ...] | None, *, fresh: bool) -> Person:
        """Administrators are those of our own workspace; guests everybody who is not wholly a member of it."""
        ours = self._rest.team in (user.get("team_id"), *user.get("enterprise_user", {}).get("teams", ()))
        leads = user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner")
        partly = user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
        return Person(
            key,
            _name(user) or key,
            roles or (),
            administrator=bool(fresh and ours and leads and not user.get("deleted")),
            bot=user.get("is_bot") is True,
            guest=bool(partly or not ours),
            home=self._rest.team,
            unsaid="person" if not user else "roles" if roles is None else "",
        )

    async def _look(
        self, kind: _LookupKind, key: str, age: float, budgets: Sequence[str] = (), *, needed: bool = False
    ) -> tuple[Entry, bool]:
        """What Slack says of one thing, and whether it is that fresh; many who ask at once share one call.

        It spends these `budgets`, too. What is not `needed` is asked for only where Slack's rates allow it at once.
        """
        asked = self._lookups.fresh(key, age)
        if asked is None:
            at_once = self._rest.limiter.try_acquire((kind.method, *budgets))
            if not (at_once or needed):
                return self._lookups.last(key) or {}, False
            asked = self._lookups.begin(key, self._ask(kind, key, paced=at_once), at_once=at_once)
        if not (asked.at_once or asked.answer.done() or needed):
            return self._lookups.last(key) or {}, False
        try:
            async with patience(self._rest.timeouts.look_up):
                return await asyncio.shield(asked.answer), True
        except (ShouldersError, TimeoutError) as error:
            log.info("Slack does not say who or what %s is: %s", key, error or "too slow")
            return self._lookups.last(key) or {}, False

    async def _ask(self, kind: _LookupKind, key: str, *, paced: bool) -> Entry:
        answer = await self._rest.read(kind.method, {kind.name: key}, paced=paced)
        return answer.get(kind.name, {})


def _name(user: Entry) -> str:
    return user.get("profile", {}).get("display_name") or user.get("real_name") or user.get("name", "")
