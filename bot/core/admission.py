"""The decision to answer or to refuse a request, made at its arrival and kept in memory until its turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from bot.administration.policy import Policy
from bot.administration.state import Administration
from bot.interfaces.command import Command
from bot.interfaces.errors import Denied
from bot.interfaces.messages import Request

Act: TypeAlias = tuple[str, str, str]
"""A platform, a workspace, and the id of an act there."""

MOST_DECISIONS = 10_000
"""The most decisions in memory; the oldest are made again."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision about a request, at a revision of the policy.

    `request` has the person as the configuration recognises them. `forbidden` is the refusal by a rule or a setting,
    `used_up` the refusal by a limit.
    """

    request: Request
    forbidden: Denied | None
    used_up: Denied | None
    revision: tuple[int, int]

    @property
    def refusal(self) -> Denied | None:
        """Return the reason not to answer; None without one."""
        return self.forbidden or self.used_up

    def is_about(self, request: Request) -> bool:
        """Return whether the decision was about this command of this person in this place."""
        own = self.request
        same_place = own.place == request.place and own.place.direct == request.place.direct
        return same_place and own.command == request.command and own.person == request.person


class Admissions:
    """Decides once for each act, until the rules in force or the usage of limits change."""

    def __init__(self, administration: Administration, policy: Policy, commands: Mapping[str, Command]) -> None:
        self._administration = administration
        self._policy = policy
        self._commands = commands
        self._decisions: OrderedDict[Act, Admission] = OrderedDict()

    def recognise(self, request: Request) -> Request:
        """Return the request of the person as the configuration recognises them."""
        known = self._decisions.get(_act(request))
        if known and known.request.person == request.person:
            return request
        return replace(request, person=self._administration.recognise(request.place, request.person))

    def decide(self, request: Request) -> Admission:
        """Return the decision about a recognised request, and keep it until `refusal` asks for it."""
        known = self._known(request)
        if known is None:
            command = self._commands[request.command]
            forbidden, used_up = self._policy.forbidden(request, command), self._policy.used_up(request, command)
            known = self._decisions[_act(request)] = Admission(request, forbidden, used_up, self._policy.revision)
            if len(self._decisions) > MOST_DECISIONS:
                self._decisions.popitem(last=False)
        return known

    def refusal(self, request: Request) -> Denied | None:
        """Return the reason not to answer a request now, and drop its decision.

        A refusal is decided again, because the limit may have been reset.
        """
        known = self._known(request)
        self._decisions.pop(_act(request), None)
        if known and known.refusal is None:
            return None
        return self._policy.refusal(request, self._commands[request.command])

    def _known(self, request: Request) -> Admission | None:
        """Return the decision about a request, if it is still valid."""
        known = self._decisions.get(_act(request))
        is_valid = known is not None and known.revision == self._policy.revision and known.is_about(request)
        return known if is_valid else None


def _act(request: Request) -> Act:
    return request.place.platform, request.place.workspace, request.act.id
