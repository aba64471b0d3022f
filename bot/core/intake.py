"""The core as adapters use it: it takes requests and events, and answers adapters' questions at once."""

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

RECENT_DAYS = 7
"""The days back for which adapters look for missed messages."""

MOST_SUGGESTIONS = 25
"""The most completions that Discord shows."""


class CoreIntake:
    """The bot.interfaces.adapter.Intake of every adapter."""

    def __init__(self, services: Services, core: Dispatcher, queue: RequestQueue, admissions: Admissions) -> None:
        self.commands: Sequence[Command] = services.commands
        self._services = services
        self._history = services.history
        self._retention = services.retention
        self._departures = services.retention.departures
        self._core = core
        self._queue = queue
        self._admissions = admissions
        self._by_path = by_path(services.commands)

    def offer(self, request: Request) -> Awaitable[bool]:
        """Queue the request at once, unless it is not for the bot here.

        A message in a thread that does not address the bot is ignored if a rule forbids it, but refused with a sentence
        if a limit is used up, because otherwise it would have been answered.
        """
        request = self._recognised(request)
        self._departures.note_activity(request.place)
        if not request.addressed:
            only_mentions = self.manner(request.place, request.person.id).speaks == "mentions"
            if only_mentions or self._admissions.decide(request).forbidden:
                return _finished(value=False)
        return self._queue.offer(request)

    def settle(self, request: Request) -> Request:
        """Return the request as it is treated here: private by a setting, or because it will be refused.

        A button's request is as private as the answer above the button.
        """
        request, command = self._recognised(request), self._by_path[request.command]
        if request.private or request.place.direct:
            return request
        is_written = (command.converses or not command.hidden) and "request" not in request.arguments
        by_choice = is_written and ("private" in request.arguments or self._services.settings(request).private)
        private = command.quiet or by_choice
        return replace(request, private=bool(private or self._admissions.decide(request).refusal))

    async def wants(self, request: Request) -> bool:
        """Return whether a request would be answered now: it is permitted, and is for the bot or in one of its threads.

        Requests before it in the queue may still change that.
        """
        request = self._recognised(request)
        if self._admissions.decide(request).refusal:
            return False
        return request.addressed or await self._services.conversations.takes_part(request.place)

    def manner(self, place: Place, person: str) -> Manner:
        """Return the settings of a place that adapters follow."""
        settings = self._services.administration.settings(place)
        return Manner(settings.speak, settings.answer_in, self._retention.keeps(place))

    async def dialog(self, request: Request) -> Form | None:
        """Return the form that a request opens. Raises UserError with the sentence to show instead."""
        return await self._core.dialog(self._recognised(request))

    async def home(self, place: Place, person: Person) -> Answer:
        """Return the bot's own page for a person."""
        place, person = well_formed((place, person))
        return await self._core.home(place, self._services.administration.recognise(place, person))

    async def suggest(
        self, command: str, option: str, typed: str, place: Place, person: Person, arguments: Mapping[str, str]
    ) -> Sequence[str]:
        """Return the completions that begin with the typed text, then those that contain it.

        In a list with commas that nothing contains, the last entry is completed.
        """
        typed, place, person, arguments = well_formed((typed, place, person, arguments))
        person = self._services.administration.recognise(place, person)
        offered = await self._core.suggest(command, option, place, person, arguments)
        before, comma, last = typed.rpartition(",")
        found = _completions(offered, typed)
        if comma and not found:
            listed = {value.strip() for value in before.split(",")}
            found = [f"{before}, {value}" for value in _completions(offered, last.strip()) if value not in listed]
        return found[:MOST_SUGGESTIONS]

    async def recent_places(self, platform: str) -> Sequence[tuple[Place, int]]:
        """Return the places with acts in the last RECENT_DAYS days, each with the order of the newest."""
        return await self._services.conversations.recent_places(platform, int((time() - RECENT_DAYS * 86_400) * 1000))

    async def workspaces(self, platform: str) -> Collection[str]:
        """Return the workspaces with data."""
        return await self._history.workspaces(platform)

    async def overhear(self, request: Request) -> None:
        """Store a message between people, where the settings say so."""
        self._departures.note_activity(request.place)
        if self._retention.keeps(request.place) and request.message and request.text:
            await self._history.overhear(well_formed(request))

    async def edited(self, place: Place, message: str, text: str) -> None:
        """Change the text of a stored message, of its turn and of an unanswered question."""
        place, message, text = well_formed((place, message, text))
        await self._retention.edited(place, message, text, partial(edited_question, text=text))

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Delete the data of deleted messages: questions with their answers, and answers."""
        await self._retention.deleted(*well_formed((place, tuple(messages))))

    async def place_deleted(self, place: Place) -> None:
        """Delete the messages of a deleted channel or thread."""
        await self._retention.place_deleted(well_formed(place))

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """Note the bot's removal from a workspace, and delete its data if the setting says so."""
        await self._departures.uninstalled(platform, workspace)

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """Note that the bot is in these workspaces, or back in them."""
        await self._departures.installed(platform, workspaces)

    def _recognised(self, request: Request) -> Request:
        return self._admissions.recognise(well_formed(request))


def _completions(offered: Sequence[str], typed: str) -> list[str]:
    text = typed.lower()
    matching = [value for value in offered if text in value.lower()]
    return sorted(matching, key=lambda value: not value.lower().startswith(text))


def _finished(*, value: bool) -> Awaitable[bool]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(value)
    return done
