"""The budget of model calls: reserved before a model is asked, settled once its usage is known.

All decisions are made in memory without waiting, so that two calls cannot reserve the same amount. The ledger stores
the calls for the next start.
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

DEFAULT_LENGTH = 8_192
"""The most tokens of an answer under a limit in tokens or money, where nothing else bounds it."""

SHORTEST = 256
"""The least tokens to which a limit shortens an answer; below, the request is refused."""

MOST_UNSTORED = 10_000
"""The most calls that wait for a ledger that fails; then the oldest are lost."""

WARNING_PERCENTAGES = (80, 100)
"""Percentages of a limit; the answer that reaches one has a warning."""


class Budget:
    """All meters and limits. `revision` grows with every call of a model."""

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
        self._unstored: list[ModelCall] = []

    async def load(self) -> None:
        """Read the usage before this start, once, before the first request.

        A call dated after a window's end, by a wrong clock, does not count in it.
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
        """Return the usage of every limit for a person in a place, of these models and of all models together."""
        now = self.clock()
        limits = limits_in_force(self._administration.limits(place), place, person, ("", *models))
        return [LimitUsage(limit, self._meters.at(pool_of(limit, place, person), now)) for limit in limits]

    # Before and after a call ------------------------------------------------------------------------------------------

    def refusal(self, place: Place, person: Person) -> Denied | None:
        """Return the refusal by a used up limit; None where a request may still be possible."""
        all_cost = all(money.costs(model) for model in self._models.values())
        for usage in self.limit_usages(place, person):
            unit = usage.limit.unit
            over = usage.left <= 0 if unit == "requests" else usage.used >= usage.limit.amount
            if over and (unit != "money" or all_cost):
                return Denied(self._refusal_text(usage, place, 1))
        return None

    def reserve(
        self, accepted: Accepted, model: str, prompt_tokens: int, asked: Sampling, room: int, *, further: bool = False
    ) -> Reservation:
        """Reserve the most that a call may use; `room` is the model's window less the prompt, in tokens. Raises Denied.

        Where the longest answer exceeds a limit, a shorter one is reserved. A `further` call for an act that counted
        already does not count as a request.
        """
        now, place, person = self.clock(), accepted.request.place, accepted.request.person
        section, usages = self._models[model], self.limit_usages(place, person, model)
        longest = max(1, min(room, section.sampling(asked).max_tokens or DEFAULT_LENGTH))
        fits = [_longest(usage, section, prompt_tokens, further=further) for usage in usages]
        granted = min([longest, *fits])
        tightest = usages[fits.index(granted)] if granted < longest else None
        if tightest and granted < (least := min(longest, SHORTEST)):
            needed = tally(1, at_least := Usage(prompt_tokens, least), money.cost(section, at_least))
            raise Denied(self._refusal_text(tightest, place, needed[tightest.limit.unit]))
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
            f"{self._limit_text(tightest.limit)} shortened this answer." if tightest else "",
            partial(self._settle, held=held, meters=meters, usages=usages),
        )

    def _settle(
        self,
        reservation: Reservation,
        call: ModelCall,
        *,
        held: UsageAmounts,
        meters: Sequence[UsageMeter],
        usages: Sequence[LimitUsage],
    ) -> Sequence[str]:
        """Count the usage of a call in place of its reservation, and return warnings about its limits."""
        before = [usage.used for usage in usages]
        self._hidden_tokens[call.model] = max(reservation.hidden_tokens, self._hidden_tokens.get(call.model, 0))
        call = replace(call, cost=money.cost(self._models[call.model], call.usage))
        used = tally(int(call.counts), call.usage, call.cost)
        self.revision += 1
        for meter in meters:
            meter.held.subtract(held)
            meter.used.update(used)
        self._keep(call)
        return [
            self._warning(usage)
            for usage, used_before in zip(usages, before, strict=True)
            if self._crosses(usage, used_before)
        ]

    def _crosses(self, usage: LimitUsage, before: int) -> bool:
        """Return whether a call reached a warning percentage of a limit, in a window that has not ended."""
        marks = (usage.limit.amount * share for share in WARNING_PERCENTAGES)
        current = usage.meter.began >= began(usage.limit.window, self.clock())
        return current and any(before * 100 < mark <= usage.used * 100 for mark in marks)

    # Messages ---------------------------------------------------------------------------------------------------------

    def _limit_text(self, limit: Limit) -> str:
        return f"{owner(limit).capitalize()} limit of {describe_limit(limit, self.currency)}"

    def _reset_text(self, limit: Limit) -> str:
        return f"It resets {resets(limit.window, self.clock())}."

    def _refusal_text(self, usage: LimitUsage, place: Place, needed: int) -> str:
        """Return the reason to refuse `needed`, the time of the limit's reset, and the contact."""
        limit, subject = usage.limit, self._limit_text(usage.limit)
        if usage.used + needed <= limit.amount:
            return f"{subject} is reserved by answers that are being written. Ask again when they are done."
        contact = self._administration.contact_sentence(place)
        if usage.used >= limit.amount:
            return f"{subject} is used up. {self._reset_text(limit)} {contact}"
        left, need = (money.format_amount(n, limit.unit, self.currency) for n in (limit.amount - usage.used, needed))
        return f"{subject} has {left} left, and this needs about {need}. {self._reset_text(limit)} {contact}"

    def _warning(self, usage: LimitUsage) -> str:
        share = usage.used * 100 // usage.limit.amount
        used = "is used up now" if share >= 100 else f"is {share} % used"
        return f"{self._limit_text(usage.limit)} {used}. {self._reset_text(usage.limit)}"

    # The ledger -------------------------------------------------------------------------------------------------------

    def _keep(self, call: ModelCall) -> None:
        """Store the call in the ledger, with those that could not be stored before."""
        calls, self._unstored = [*self._unstored, call], []
        if storing := self._store(calls):
            storing.add_done_callback(partial(self._on_stored, calls))

    def _store(self, calls: Sequence[ModelCall]) -> asyncio.Future[None] | None:
        """Begin to store calls; return None where the ledger is closed."""
        try:
            return asyncio.ensure_future(self.ledger.add(calls))
        except StoreError as error:
            log.error("The usage of %s could not be stored: %s", ", ".join({call.model for call in calls}), error)
            return None

    def _on_stored(self, calls: Sequence[ModelCall], storing: asyncio.Future[None]) -> None:
        """Try each call of a failed group by itself, because one of them may be invalid for the ledger."""
        if storing.cancelled() or not (error := storing.exception()):
            return
        if len(calls) == 1:
            self._put_off(calls, error)
            return
        single = [attempt for call in calls if (attempt := self._store([call]))]
        if len(single) == len(calls):
            attempts = asyncio.gather(*single, return_exceptions=True)
            attempts.add_done_callback(partial(self._on_stored_singly, calls))

    def _on_stored_singly(
        self, calls: Sequence[ModelCall], attempts: asyncio.Future[list[BaseException | None]]
    ) -> None:
        """Drop the calls that failed beside others that were stored; keep all if all failed, as by a full disk."""
        if attempts.cancelled():
            return
        failed = [(call, error) for call, error in zip(calls, attempts.result(), strict=True) if error]
        if len(failed) == len(calls):
            self._put_off(calls, failed[0][1])
            return
        for call, error in failed:
            log.error(
                "The usage of %s for request %d could not be stored and is lost: %s", call.model, call.request, error
            )

    def _put_off(self, calls: Sequence[ModelCall], error: BaseException) -> None:
        log.error("The usage of models could not be stored yet and will be stored with the next answer: %s", error)
        self._unstored = [*calls, *self._unstored]
        if (lost := len(self._unstored) - MOST_UNSTORED) > 0:
            log.error("The usage of %d calls is lost, because the database does not store anything", lost)
            self._unstored = self._unstored[lost:]


def _longest(usage: LimitUsage, section: ModelSection, prompt_tokens: int, *, further: bool) -> int:
    """Return the longest answer within a limit, in tokens; below 0 where even the question exceeds it."""
    match usage.limit.unit:
        case "requests":
            return money.LARGEST if further or usage.left > 0 else -1
        case "tokens":
            return usage.left - prompt_tokens
        case "money":
            return money.affordable(section, prompt_tokens, usage.left)
