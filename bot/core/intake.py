"""What adapters meet of the core: requests come in here, and what has to be known at once is said here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import time

from bot.chat.prompt import edited_question
from bot.core.admission import Admissions
from bot.core.dispatcher import Dispatcher
from bot.core.request_queue import RequestQueue
from bot.interfaces.command import Command, by_path
from bot.interfaces.messages import Manner, Person, Place, Request
from bot.interfaces.replies import Answer, Form
from bot.services import Services
from bot.utils.unicode_text import well_formed

SEEN_DAYS = 7
"""How far back the places go that adapters look through for what they missed."""

MOST_SUGGESTIONS = 25


class CoreIntake:
    """The bot.interfaces.adapter.Intake of every adapter."""

    def __init__(self, services: Services, core: Dispatcher, inbox: RequestQueue, admissions: Admissions) -> None:
        self.commands: Sequence[Command] = services.commands
        self._services = services
        self._history = services.history
        self._retention = services.privacy
        self._departures = services.privacy.departures
        self._core = core
        self._inbox = inbox
        self._admissions = admissions
        self._by_path = by_path(services.commands)

    def offer(self, request: Request) -> Awaitable[bool]:
        """Take the request's place in line at once; what is not for the bot here goes no further.

        Who may not talk with the bot hears so when they address it, not whenever they write in its threads; who may
        but has used up a limit does, as they would have been answered.
        """
        request = self._recognised(request)
        self._departures.note_activity(request.place)
        if not request.addressed:
            silent = self.manner(request.place, request.person.id).speaks == "mentions"
            if silent or self._admissions.decide(request).forbidden:
                return _already(value=False)
        return self._inbox.offer(request)

    def settle(self, request: Request) -> Request:
        """The request as it is to be treated here: private by a setting, or because it will be refused.

        What a button asks for again is as private as the answer that it stands under.
        """
        request, command = self._recognised(request), self._by_path[request.command]
        if request.private or request.place.direct:
            return request
        asked_by_people = (command.converses or not command.hidden) and "request" not in request.arguments
        wished = asked_by_people and ("private" in request.arguments or self._services.settings(request).private)
        private = command.quiet or wished
        return replace(request, private=bool(private or self._admissions.decide(request).refusal))

    async def wants(self, request: Request) -> bool:
        """Whether a request will be answered: who asks may, and it is said to the bot or in a thread of its own.

        What stands before it in line may yet change that, so it decides nothing.
        """
        request = self._recognised(request)
        if self._admissions.decide(request).refusal:
            return False
        return request.addressed or await self._services.store.takes_part(request.place)

    def manner(self, place: Place, person: str) -> Manner:
        """How to behave in a place."""
        settings = self._services.administration.settings(place)
        return Manner(settings.speak, settings.answer_in, self._retention.keeps(place))

    async def dialog(self, request: Request) -> Form | None:
        """The form that a request opens. Raises UserError with what to say instead."""
        return await self._core.dialog(self._recognised(request))

    async def home(self, place: Place, person: Person) -> Answer:
        """What the bot's own page shows to a person."""
        place, person = well_formed((place, person))
        return await self._core.home(place, self._services.administration.recognise(place, person))

    async def suggest(
        self, command: str, option: str, typed: str, place: Place, person: Person, given: Mapping[str, str]
    ) -> Sequence[str]:
        """Completions for a suggested option: those that begin as it was typed, then those that hold it.

        Where nothing holds all of it and it is a list with commas, its last entry is completed.
        """
        typed, place, person, given = well_formed((typed, place, person, given))
        person = self._services.administration.recognise(place, person)
        offered = await self._core.suggest(command, option, place, person, given)
        before, comma, last = typed.rpartition(",")
        found = _completions(offered, typed)
        if comma and not found:
            there = {value.strip() for value in before.split(",")}
            found = [f"{before}, {value}" for value in _completions(offered, last.strip()) if value not in there]
        return found[:MOST_SUGGESTIONS]

    async def seen(self, platform: str) -> Sequence[tuple[Place, int]]:
        """Where the bot took part lately, each with the order of the newest act."""
        return await self._services.store.seen(platform, int((time() - SEEN_DAYS * 86_400) * 1000))

    async def workspaces(self, platform: str) -> Collection[str]:
        """The workspaces of which something is kept."""
        return await self._history.workspaces(platform)

    async def overhear(self, request: Request) -> None:
        """Something was said that is not for the bot: kept where that is set."""
        self._departures.note_activity(request.place)
        if self._retention.keeps(request.place) and request.message and request.text:
            await self._history.overhear(well_formed(request))

    async def edited(self, place: Place, message: str, text: str) -> None:
        """Somebody changed what a message says: a question's turn says so, too, and what is not answered yet."""
        place, message, text = well_formed((place, message, text))
        await self._retention.edited(place, message, text, partial(edited_question, text=text))

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Messages are gone from the platform, and from what is kept: a question with its answers, or an answer."""
        await self._retention.deleted(*well_formed((place, tuple(messages))))

    async def vanished(self, place: Place) -> None:
        """A channel or a thread is gone from the platform, and what was said there from what is kept."""
        await self._retention.vanished(well_formed(place))

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """The bot was removed from a workspace, whose data goes if the setting says so."""
        await self._departures.uninstalled(platform, workspace)

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """The bot is in these workspaces, or back in them."""
        await self._departures.installed(platform, workspaces)

    def _recognised(self, request: Request) -> Request:
        return self._admissions.recognise(well_formed(request))


def _completions(offered: Sequence[str], typed: str) -> list[str]:
    wanted = typed.lower()
    fitting = [value for value in offered if wanted in value.lower()]
    return sorted(fitting, key=lambda value: not value.lower().startswith(wanted))


def _already(*, value: bool) -> Awaitable[bool]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(value)
    return done
