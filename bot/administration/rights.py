"""The rights of a person at this moment: what the platform says where a right of administrators is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.administration import platforms
from bot.administration.policy import Policy, must_be_allowed_to_steer
from bot.administration.state import Administration
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command
from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Place, Request
from bot.utils.unicode_text import well_formed


class Rights:
    """Asks the platform for a person's rights, only where these let the person do more than a member.

    `models` are the names of all models, as they are now.
    """

    def __init__(
        self, administration: Administration, policy: Policy, adapters: Mapping[str, Adapter], models: Collection[str]
    ) -> None:
        self._administration = administration
        self._policy = policy
        self._adapters = adapters
        self._models = models

    async def admit(self, request: Request, command: Command) -> Request:
        """Return the request with the rights that the person has now. Raises Denied where they may not make it."""
        request = await self.current(request, command)
        if refused := self._policy.refusal(request, command):
            raise refused
        return request

    async def current(self, request: Request, command: Command) -> Request:
        """Return the request with the person's rights of now, if the command, or a model for it, depends on them."""
        if command.administrative:
            return await self.refresh(request)
        if not self._policy.needs_administrator(request, command, self._models):
            return request
        try:
            return await self.refresh(request)
        except PlatformError:  # then the rights of a member
            member = replace(request.person, administrator=False)
            return replace(request, person=self._administration.recognise(request.place, member))

    async def check_steering(self, request: Request, asked_by: str, asked_in: Place) -> None:
        """Raise Denied unless the person asked, or is an administrator now where it was asked: for Stop and Retry."""
        if request.person.id != asked_by:
            request = await self.confirm(request)
        must_be_allowed_to_steer(request.person, request.place, asked_by, asked_in)

    async def require_administrator(self, request: Request) -> Request:
        """Return the request with the person's rights of now. Raises Denied for everybody but administrators."""
        request = await self.refresh(request)
        if not request.person.administrator:
            raise self._policy.for_administrators(request)
        return request

    async def confirm(self, request: Request) -> Request:
        """Return the request of an administrator with their rights of now; that of others as it is."""
        return await self.refresh(request) if request.person.administrator else request

    async def refresh(self, request: Request) -> Request:
        """Return the request with the person's rights as the platform says now. Raises PlatformError."""
        person = well_formed(await platforms.person_now(self._adapters[request.place.platform], request))
        return replace(request, person=self._administration.recognise(request.place, person))
