"""What commands work with, handed to each of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.administration import platforms
from bot.administration.limits.budget import Budget
from bot.administration.policy import Policy, must_be_allowed_to_steer
from bot.administration.retention import Retention
from bot.administration.settings import Settings
from bot.administration.state import Administration
from bot.catalogue import Catalogue
from bot.config import Config
from bot.interfaces.adapter import Adapter
from bot.interfaces.backend import Backend
from bot.interfaces.command import Command
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Place, Request
from bot.interfaces.store import Store
from bot.utils.unicode_text import well_formed
from bot.utils.upload_memory import Room


@dataclass(frozen=True, slots=True)
class Services:
    """The catalogue, the store, what is in force, what may be used, the platforms and what is running.

    `stop` ends the answer to a request and says whether there was one to end; `running` is the request that is being
    answered in a conversation. `room` is what people's files may take of the memory.
    """

    config: Config
    store: Store
    administration: Administration
    policy: Policy
    budget: Budget
    privacy: Retention
    catalogue: Catalogue
    adapters: Mapping[str, Adapter]
    commands: Sequence[Command]
    recent: RecentRequests
    stop: Callable[[int], bool]
    running: Callable[[int], int | None]
    room: Room = field(default_factory=Room)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Every model's backend, by name, as the catalogue is now."""
        return self.catalogue.backends

    def settings(self, request: Request) -> Settings:
        """What is in force for who asks, where they ask."""
        return self.administration.settings(request.place, request.person)

    async def admitted(self, request: Request, command: Command) -> Request:
        """The request of somebody who may make it, an administrator only by the platform's word of now. Raises Denied.

        The platform is not asked where a member may do the same.
        """
        if command.administrative:
            request = await self.as_they_are(request)
        elif self.policy.favours(request, command, self.backends):
            request = await self._as_they_are_or_a_member(request)
        if refused := self.policy.refusal(request, command):
            raise refused
        return request

    async def must_steer(self, request: Request, asked_by: str, asked_in: Place) -> None:
        """Stop and Retry belong to who asked and, where it was asked, to who is an administrator now. Raises Denied."""
        if request.person.id != asked_by:
            request = await self.certain(request)
        must_be_allowed_to_steer(request.person, request.place, asked_by, asked_in)

    async def as_administrator(self, request: Request) -> Request:
        """The request with the person's rights as the platform says now. Raises Denied for who is no administrator."""
        request = await self.as_they_are(request)
        if not request.person.administrator:
            raise self.policy.for_administrators(request)
        return request

    async def certain(self, request: Request) -> Request:
        """The request of an administrator only if the platform says so now; of others it is not asked."""
        return await self.as_they_are(request) if request.person.administrator else request

    async def _as_they_are_or_a_member(self, request: Request) -> Request:
        """The request with the person's rights as they are now; where the platform does not say, those of a member."""
        try:
            return await self.as_they_are(request)
        except PlatformError:
            member = replace(request.person, administrator=False)
            return replace(request, person=self.administration.recognise(request.place, member))

    async def as_they_are(self, request: Request) -> Request:
        """The request with the person's rights as the platform says now."""
        person = well_formed(await platforms.person_now(self.adapters[request.place.platform], request))
        return replace(request, person=self.administration.recognise(request.place, person))

    def model(self, request: Request, *wanted: str) -> str:
        """The first that is named of what is wanted, else what is in force. Raises UserError, or Denied."""
        name = self.allowed(request, next(filter(None, wanted), "") or self.default_model(request))
        section = self.catalogue.sections[name]
        if not section.converses:
            raise UserError(f"“{name}” is no model to talk with: it can {', '.join(section.skills or section.can)}.")
        return name

    def allowed(self, request: Request, name: str) -> str:
        """A model that there is and that this person may use here. Raises UserError, or Denied."""
        if name not in self.backends:
            raise UserError(f"There is no model “{name}” here. There are: {', '.join(self.models(request))}.")
        if refused := self.policy.model_refusal(request, name):
            raise refused
        return name

    def default_model(self, request: Request) -> str:
        """The model that answers where nobody chose one: by the settings, else the first that may be used to talk.

        Where there is none it is the one of the settings, which is refused. Administrators may use what is not in the
        list of models, but only by its name.
        """
        settings = self.settings(request)
        chosen = settings.model or self.config.default_model
        listed = [name for name in self.models(request) if not settings.models or name in settings.models]
        if chosen in listed:
            return chosen
        return next((name for name in self.talking(request) if name in listed), chosen)

    def talking(self, request: Request) -> Sequence[str]:
        """Those of them that people can talk with."""
        return [name for name in self.models(request) if self.catalogue.sections[name].converses]

    def models(self, request: Request) -> Sequence[str]:
        """The models that this person may use here, in the catalogue's order."""
        there = list(self.backends)  # in one step: an import asks in a thread while a model may be added
        return [name for name in there if self.policy.model_refusal(request, name) is None]


RECENT_REQUESTS = 500
"""Requests that are remembered."""


class RecentRequests:
    """The newest requests, by the number of their row."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, Request] = OrderedDict()

    def keep(self, number: int, request: Request) -> None:
        """Remember a request."""
        self._requests[number] = request
        while len(self._requests) > RECENT_REQUESTS:
            self._requests.popitem(last=False)

    def get(self, number: str) -> Request | None:
        """What a button's request was about; None when it is not remembered. Not everybody may ask for it again."""
        return self._requests.get(int(number)) if number.isdecimal() else None

    def require(self, number: str) -> Request:
        """The same, where there is nothing to be done without it. Raises UserError."""
        known = self.get(number)
        if known is None:
            raise UserError("I no longer know what that was about: ask again, please.")
        return known
