"""What may still be used: reserved before a model is asked, settled when it is known what that took.

Everything is decided in memory and without waiting, so that no two calls reserve the same; the ledger only remembers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bot.administration.limits import money
from bot.administration.limits.periods import WINDOWS, began, ends, resets
from bot.administration.limits.reservation import Held, Reservation
from bot.administration.limits.rules import LimitUsage, describe_limit, limits_in_force, owner
from bot.administration.limits.usage_meters import UsageAmounts, UsageMeter, UsageMeters, pool_of, pools, tally
from bot.administration.state import Administration
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import Denied, StoreError
from bot.interfaces.messages import Person, Place
from bot.interfaces.prompts import Sampling
from bot.interfaces.records import Limit
from bot.interfaces.replies import Usage
from bot.interfaces.store import Accepted
from bot.interfaces.usage import Grouping, ModelCall, UsageStore

log = logging.getLogger(__name__)

UNBOUNDED = 8_192
"""Tokens that an answer is bounded to where tokens or money are limited and nothing else bounds it."""

SENSIBLE = 256
"""Tokens of the shortest answer worth asking for, where it might have been longer."""

MOST_UNKEPT = 10_000
"""Calls that wait for a ledger that takes nothing; the oldest go then."""

WARNED = (80, 100)
"""Per cent of a limit; the answer that gets there says so."""


class Budget:
    """All meters, and the limits that they are held against. `revision` grows with every call of a model."""

    def __init__(
        self,
        administration: Administration,
        ledger: UsageStore,
        models: Mapping[str, ModelSection],
        currency: str,
        clock: Callable[[], float],
    ) -> None:
        self.ledger = ledger
        self.currency = currency
        self.clock = clock
        self.revision = 0
        self._administration = administration
        self._models = models
        self._meters = UsageMeters()
        self._hidden_tokens: dict[str, int] = {}
        self._unkept: list[ModelCall] = []

    async def load(self) -> None:
        """Count what was used before this start, once and before the first request.

        What is dated after a window's end, as of a time when the clock was wrong, does not count in it.
        """
        now = self.clock()
        for window in WINDOWS:
            since = int(began(window, now) * 1000)
            by: Sequence[Grouping] = ("platform", "workspace", "channel", "person", "model")
            totals = await self.ledger.totals(by, since, until=int(ends(window, now) * 1000))
            for total in totals:
                platform, workspace, channel, person, model = total.key
                used = tally(total.requests, total.usage, total.cost)
                for pool in pools(Place(platform, workspace, channel), person, model, (window,)):
                    self._meters.at(pool, now).used.update(used)

    def limit_usages(self, place: Place, person: Person, *models: str) -> Sequence[LimitUsage]:
        """How the limits stand that hold for a person in a place: those of these models, and those of all together."""
        now = self.clock()
        limits = limits_in_force(self._administration.limits(place), place, person, ("", *models))
        return [LimitUsage(limit, self._meters.at(pool_of(limit, place, person), now)) for limit in limits]

    # Before and after a call ------------------------------------------------------------------------------------------

    def refusal(self, place: Place, person: Person) -> Denied | None:
        """Why nothing that this person asks here can be answered: a limit is used up. None where it depends."""
        all_cost = all(money.costs(model) for model in self._models.values())
        for standing in self.limit_usages(place, person):
            unit = standing.limit.unit
            over = standing.left <= 0 if unit == "requests" else standing.used >= standing.limit.amount
            if over and (unit != "money" or all_cost):
                return Denied(self._too_little(standing, place, 1))
        return None

    def reserve(
        self, accepted: Accepted, model: str, prompt_tokens: int, asked: Sampling, room: int, *, further: bool = False
    ) -> Reservation:
        """Hold what one call may use at most; `room` is what the model's window leaves for the answer. Raises Denied.

        Where the longest answer does not fit into what is left, a shorter one is asked for. A `further` call of an act
        that counted already is no request of its own.
        """
        now, place, person = self.clock(), accepted.request.place, accepted.request.person
        section, standings = self._models[model], self.limit_usages(place, person, model)
        longest = max(1, min(room, section.sampling(asked).max_tokens or UNBOUNDED))
        fits = [_longest(standing, section, prompt_tokens, further=further) for standing in standings]
        granted = min([longest, *fits])
        tightest = standings[fits.index(granted)] if granted < longest else None
        if tightest and granted < (least := min(longest, SENSIBLE)):
            needed = tally(1, at_least := Usage(prompt_tokens, least), money.cost(section, at_least))
            raise Denied(self._too_little(tightest, place, needed[tightest.limit.unit]))
        most = Usage(prompt_tokens, granted)
        held = tally(int(not further), most, money.cost(section, most))
        meters = [self._meters.at(pool, now) for pool in pools(place, person.id, model)]
        self.revision += 1
        for meter in meters:
            meter.held.update(held)
        return Reservation(
            ModelCall(accepted.id, int(now * 1000), place, person, model, Usage(prompt_tokens), further=further),
            Held(
                granted, any(bound < money.LARGEST for bound in fits), section.hides, self._hidden_tokens.get(model, 0)
            ),
            f"{self._whose(tightest.limit)} left no room for a longer answer." if tightest else "",
            partial(self._settle, held=held, meters=meters, standings=standings),
        )

    def _settle(
        self,
        reservation: Reservation,
        call: ModelCall,
        *,
        held: UsageAmounts,
        meters: Sequence[UsageMeter],
        standings: Sequence[LimitUsage],
    ) -> Sequence[str]:
        """Count what a call used instead of what was held for it; sentences about limits that it used up, or nearly."""
        before = [standing.used for standing in standings]
        self._hidden_tokens[call.model] = max(reservation.hidden_tokens, self._hidden_tokens.get(call.model, 0))
        call = replace(call, cost=money.cost(self._models[call.model], call.usage))
        used = tally(int(call.counts), call.usage, call.cost)
        self.revision += 1
        for meter in meters:
            meter.held.subtract(held)
            meter.used.update(used)
        self._keep(call)
        return [
            self._nearly(standing)
            for standing, used in zip(standings, before, strict=True)
            if self._crosses(standing, used)
        ]

    def _crosses(self, standing: LimitUsage, before: int) -> bool:
        """Whether a limit now is used up, or nearly, and was not yet, in a window that is not over."""
        marks = (standing.limit.amount * share for share in WARNED)
        current = standing.meter.began >= began(standing.limit.window, self.clock())
        return current and any(before * 100 < mark <= standing.used * 100 for mark in marks)

    # What is said -----------------------------------------------------------------------------------------------------

    def _whose(self, limit: Limit) -> str:
        return f"{owner(limit).capitalize()} limit of {describe_limit(limit, self.currency)}"

    def _afresh(self, limit: Limit) -> str:
        return f"It begins afresh {resets(limit.window, self.clock())}."

    def _too_little(self, standing: LimitUsage, place: Place, needed: int) -> str:
        """Why `needed` is refused, when it will not be any more, and whom to ask."""
        limit, whose = standing.limit, self._whose(standing.limit)
        if standing.used + needed <= limit.amount:
            return f"{whose} is held by answers that are being written. Ask again when they are done."
        whom = self._administration.contact_sentence(place)
        if standing.used >= limit.amount:
            return f"{whose} is used up. {self._afresh(limit)} {whom}"
        left, need = (money.format_amount(n, limit.unit, self.currency) for n in (limit.amount - standing.used, needed))
        return f"{whose} has {left} left, and this needs about {need}. {self._afresh(limit)} {whom}"

    def _nearly(self, standing: LimitUsage) -> str:
        share = standing.used * 100 // standing.limit.amount
        used = "is used up now" if share >= 100 else f"is used to {share} %"
        return f"{self._whose(standing.limit)} {used}. {self._afresh(standing.limit)}"

    # The ledger -------------------------------------------------------------------------------------------------------

    def _keep(self, call: ModelCall) -> None:
        """Hand the call to the ledger, with those that it could not take before."""
        calls, self._unkept = [*self._unkept, call], []
        if kept := self._written(calls):
            kept.add_done_callback(partial(self._kept, calls))

    def _written(self, calls: Sequence[ModelCall]) -> asyncio.Future[None] | None:
        """Hand calls to the ledger; None where it is closed."""
        try:
            return asyncio.ensure_future(self.ledger.add(calls))
        except StoreError as error:
            log.error("What %s used is not kept: %s", ", ".join({call.model for call in calls}), error)
            return None

    def _kept(self, calls: Sequence[ModelCall], kept: asyncio.Future[None]) -> None:
        """Where a group could not be kept, try each of it by itself: one of them may be what the ledger cannot take."""
        if kept.cancelled() or not (error := kept.exception()):
            return
        if len(calls) == 1:
            self._put_off(calls, error)
            return
        single = [written for call in calls if (written := self._written([call]))]
        if len(single) == len(calls):
            tried = asyncio.gather(*single, return_exceptions=True)
            tried.add_done_callback(partial(self._kept_singly, calls))

    def _kept_singly(self, calls: Sequence[ModelCall], tried: asyncio.Future[list[BaseException | None]]) -> None:
        """Give up what the ledger did not take beside others that it took; where it took none, the disk is at fault."""
        if tried.cancelled():
            return
        failed = [(call, error) for call, error in zip(calls, tried.result(), strict=True) if error]
        if len(failed) == len(calls):
            self._put_off(calls, failed[0][1])
            return
        for call, error in failed:
            log.error("What %s used for request %d cannot be kept and is lost: %s", call.model, call.request, error)

    def _put_off(self, calls: Sequence[ModelCall], error: BaseException) -> None:
        log.error("What the models used is not kept yet, and tried again with the next answer: %s", error)
        self._unkept = [*calls, *self._unkept]
        if (lost := len(self._unkept) - MOST_UNKEPT) > 0:
            log.error("What the models used in %d calls is lost: the database takes nothing", lost)
            self._unkept = self._unkept[lost:]


def _longest(standing: LimitUsage, section: ModelSection, prompt_tokens: int, *, further: bool) -> int:
    """The longest answer that what is left of a limit allows; below 0 where it does not allow the question."""
    match standing.limit.unit:
        case "requests":
            return money.LARGEST if further or standing.left > 0 else -1
        case "tokens":
            return standing.left - prompt_tokens
        case "money":
            return money.affordable(section, prompt_tokens, standing.left)
