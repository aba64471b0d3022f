"""What may still be used: reserved before a model is asked, settled when it is known what that took.

Everything is decided in memory and without waiting, so that no two calls reserve the same; the ledger only remembers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bot import amounts
from bot.administration import Administration
from bot.books import Call, Ledger, Limit
from bot.errors import Denied, StoreError
from bot.limits import Standing, holding, named, owner
from bot.meters import Amounts, Meter, Meters, pool_of, pools, tally
from bot.ports import Accepted
from bot.section import ModelSection
from bot.spending import Spending
from bot.types import Person, Place, Sampling, Usage
from bot.windows import WINDOWS, began, resets

log = logging.getLogger(__name__)

UNBOUNDED = 8_192
"""Tokens that an answer is bounded to where tokens or money are limited and nothing else bounds it."""

SENSIBLE = 256
"""Tokens of the shortest answer worth asking for, where it might have been longer."""

WARNED = (80, 100)
"""Per cent of a limit; the answer that gets there says so."""


class Budget:
    """All meters, and the limits that they are held against."""

    def __init__(
        self,
        administration: Administration,
        ledger: Ledger,
        models: Mapping[str, ModelSection],
        currency: str,
        clock: Callable[[], float],
    ) -> None:
        self.ledger = ledger
        self.currency = currency
        self.clock = clock
        self._administration = administration
        self._models = models
        self._meters = Meters()
        self._unkept: list[Call] = []

    async def load(self) -> None:
        """Count what was used before this start, once and before the first request."""
        now = self.clock()
        for window in WINDOWS:
            since = int(began(window, now) * 1000)
            totals = await self.ledger.totals(("platform", "workspace", "channel", "person", "model"), since)
            for total in totals:
                platform, workspace, channel, person, model = total.key
                used = tally(total.requests, total.usage, total.cost)
                for pool in pools(Place(platform, workspace, channel), person, model, (window,)):
                    self._meters.at(pool, now).used.update(used)

    def standings(self, place: Place, person: Person, *models: str) -> Sequence[Standing]:
        """How the limits stand that hold for a person in a place: those of these models, and those of all together."""
        now = self.clock()
        limits = holding(self._administration.limits(place), place, person, ("", *models))
        return [Standing(limit, self._meters.at(pool_of(limit, place, person), now)) for limit in limits]

    # Before and after a call ------------------------------------------------------------------------------------------

    def refusal(self, place: Place, person: Person) -> Denied | None:
        """Why nothing that this person asks here can be answered: a limit is used up. None where it depends."""
        all_cost = all(amounts.costs(model) for model in self._models.values())
        for standing in self.standings(place, person):
            unit = standing.limit.unit
            over = standing.left <= 0 if unit == "requests" else standing.used >= standing.limit.amount
            if over and (unit != "money" or all_cost):
                return Denied(self._too_little(standing, place, 1))
        return None

    def reserve(
        self, accepted: Accepted, model: str, prompt_tokens: int, asked: Sampling, room: int, *, further: bool = False
    ) -> Spending:
        """Hold what one call may use at most; `room` is what the model's window leaves for the answer. Raises Denied.

        Where the longest answer does not fit into what is left, a shorter one is asked for. A `further` call of an act
        that counted already is no request of its own.
        """
        now, place, person = self.clock(), accepted.request.place, accepted.request.person
        section, standings = self._models[model], self.standings(place, person, model)
        longest = max(1, min(room, section.sampling(asked).max_tokens or UNBOUNDED))
        fits = [_longest(standing, section, prompt_tokens, further=further) for standing in standings]
        granted = min([longest, *fits])
        tightest = standings[fits.index(granted)] if granted < longest else None
        if tightest and granted < (least := min(longest, SENSIBLE)):
            needed = tally(1, at_least := Usage(prompt_tokens, least), amounts.cost(section, at_least))
            raise Denied(self._too_little(tightest, place, needed[tightest.limit.unit]))
        most = Usage(prompt_tokens, granted)
        held = tally(int(not further), most, amounts.cost(section, most))
        meters = [self._meters.at(pool, now) for pool in pools(place, person.id, model)]
        for meter in meters:
            meter.held.update(held)
        return Spending(
            Call(accepted.id, int(now * 1000), place, person, model, Usage(prompt_tokens), further=further),
            granted if any(bound < amounts.LARGEST for bound in fits) else 0,
            f"{self._whose(tightest.limit)} left no room for a longer answer." if tightest else "",
            partial(self._settle, held=held, meters=meters, standings=standings),
        )

    def _settle(
        self, call: Call, *, held: Amounts, meters: Sequence[Meter], standings: Sequence[Standing]
    ) -> Sequence[str]:
        """Count what a call used instead of what was held for it; sentences about limits that it used up, or nearly."""
        before = [standing.used for standing in standings]
        call = replace(call, cost=amounts.cost(self._models[call.model], call.usage))
        used = tally(int(call.counts), call.usage, call.cost)
        for meter in meters:
            meter.held.subtract(held)
            meter.used.update(used)
        self._keep(call)
        return [
            self._nearly(standing)
            for standing, used in zip(standings, before, strict=True)
            if self._crosses(standing, used)
        ]

    def _crosses(self, standing: Standing, before: int) -> bool:
        """Whether a limit now is used up, or nearly, and was not yet, in a window that is not over."""
        marks = (standing.limit.amount * share for share in WARNED)
        current = standing.meter.began >= began(standing.limit.window, self.clock())
        return current and any(before * 100 < mark <= standing.used * 100 for mark in marks)

    # What is said -----------------------------------------------------------------------------------------------------

    def _whose(self, limit: Limit) -> str:
        return f"{owner(limit).capitalize()} limit of {named(limit, self.currency)}"

    def _afresh(self, limit: Limit) -> str:
        return f"It begins afresh {resets(limit.window, self.clock())}."

    def _too_little(self, standing: Standing, place: Place, needed: int) -> str:
        """Why `needed` is refused, when it will not be any more, and whom to ask."""
        limit, whose = standing.limit, self._whose(standing.limit)
        if standing.used + needed <= limit.amount:
            return f"{whose} is held by answers that are being written. Ask again when they are done."
        whom = self._administration.whom_to_ask(place)
        if standing.used >= limit.amount:
            return f"{whose} is used up. {self._afresh(limit)} {whom}"
        left, need = (amounts.shown(n, limit.unit, self.currency) for n in (limit.amount - standing.used, needed))
        return f"{whose} has {left} left, and this needs about {need}. {self._afresh(limit)} {whom}"

    def _nearly(self, standing: Standing) -> str:
        share = standing.used * 100 // standing.limit.amount
        used = "is used up now" if share >= 100 else f"is used to {share} %"
        return f"{self._whose(standing.limit)} {used}. {self._afresh(standing.limit)}"

    # The ledger -------------------------------------------------------------------------------------------------------

    def _keep(self, call: Call) -> None:
        """Hand the call to the ledger, with those that it could not take before."""
        calls, self._unkept = [*self._unkept, call], []
        try:
            kept = asyncio.ensure_future(self.ledger.spent(calls))
        except StoreError as error:
            log.error("What %s used is not kept: %s", call.model, error)
            return
        kept.add_done_callback(partial(self._kept, calls))

    def _kept(self, calls: Sequence[Call], kept: asyncio.Future[None]) -> None:
        if not kept.cancelled() and (error := kept.exception()):
            log.error("What the models used is not kept yet, and tried again with the next answer: %s", error)
            self._unkept += calls


def _longest(standing: Standing, section: ModelSection, prompt_tokens: int, *, further: bool) -> int:
    """The longest answer that what is left of a limit allows; below 0 where it does not allow the question."""
    match standing.limit.unit:
        case "requests":
            return amounts.LARGEST if further or standing.left > 0 else -1
        case "tokens":
            return standing.left - prompt_tokens
        case "money":
            return amounts.affordable(section, prompt_tokens, standing.left)
