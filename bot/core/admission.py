"""The decision to answer a request or to refuse it: made as it comes in, and kept in memory until its turn."""

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

MOST_KEPT = 10_000
"""Decisions that are kept; the oldest are made anew."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision about a request, at a revision of the policy.

    `request` has the person as the configuration recognises them. `forbidden` is the rule against it, and `used_up` the
    limit.
    """

    request: Request
    forbidden: Denied | None
    used_up: Denied | None
    revision: tuple[int, int]

    @property
    def refusal(self) -> Denied | None:
        """The reason not to answer; None where there is none."""
        return self.forbidden or self.used_up

    def is_about(self, request: Request) -> bool:
        """Return whether the decision was about this command of this person in this place."""
        mine = self.request
        same_place = mine.place == request.place and mine.place.direct == request.place.direct
        return same_place and mine.command == request.command and mine.person == request.person


class Admissions:
    """Decides once for each act, as long as neither the rules in force nor the use of limits change."""

    def __init__(self, administration: Administration, policy: Policy, commands: Mapping[str, Command]) -> None:
        self._administration = administration
        self._policy = policy
        self._commands = commands
        self._kept: OrderedDict[Act, Admission] = OrderedDict()

    def recognise(self, request: Request) -> Request:
        """Return the request of the person as the configuration recognises them."""
        known = self._kept.get(_act(request))
        if known and known.request.person == request.person:
            return request
        return replace(request, person=self._administration.recognise(request.place, request.person))

    def decide(self, request: Request) -> Admission:
        """Return the decision about a recognised request, and keep it until `refusal` asks for it."""
        known = self._known(request)
        if known is None:
            command = self._commands[request.command]
            forbidden, used_up = self._policy.forbidden(request, command), self._policy.used_up(request, command)
            known = self._kept[_act(request)] = Admission(request, forbidden, used_up, self._policy.revision)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return known

    def refusal(self, request: Request) -> Denied | None:
        """Return the reason not to answer a request now, and keep its decision no longer.

        A refusal is decided anew, as a limit may have begun afresh.
        """
        known = self._known(request)
        self._kept.pop(_act(request), None)
        if known and known.refusal is None:
            return None
        return self._policy.refusal(request, self._commands[request.command])

    def _known(self, request: Request) -> Admission | None:
        """Return the decision that was made of a request, if it would be the same now."""
        known = self._kept.get(_act(request))
        holds = known is not None and known.revision == self._policy.revision and known.is_about(request)
        return known if holds else None


def _act(request: Request) -> Act:
    return request.place.platform, request.place.workspace, request.act.id
