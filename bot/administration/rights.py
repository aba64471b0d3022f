"""The present rights of a person, asked of the platform wherever an administrator's right is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.administration import platforms
from bot.administration.policy import Policy, check_steering
from bot.administration.state import Administration
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command
from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Place, Request
from bot.utils.unicode_text import well_formed


class Rights:
    """Asks the platform for a person's rights, only where these permit more than those of a member.

    `models` are the names in the catalogue.
    """

    def __init__(
        self, administration: Administration, policy: Policy, adapters: Mapping[str, Adapter], models: Collection[str]
    ) -> None:
        self._administration = administration
        self._policy = policy
        self._adapters = adapters
        self._models = models

    async def admit(self, request: Request, command: Command) -> Request:
        """Return the request with the person's present rights. Raises Denied where these do not permit it."""
        request = await self.current(request, command)
        if refused := self._policy.refusal(request, command):
            raise refused
        return request

    async def current(self, request: Request, command: Command) -> Request:
        """Return the request with the person's present rights, if the command, or a model for it, depends on them."""
        if command.administrative:
            return await self.refresh(request)
        if not self._policy.needs_administrator(request, command, self._models):
            return request
        try:
            return await self.refresh(request)
        except PlatformError:  # without an answer of the platform, only the rights of a member
            member = replace(request.person, administrator=False)
            return replace(request, person=self._administration.recognise(request.place, member))

    async def check_steering(self, request: Request, asked_by: str, asked_in: Place) -> None:
        """Raise Denied unless the person may use Stop and Retry on a request of `asked_by` in `asked_in`."""
        if request.person.id != asked_by:
            request = await self.confirm(request)
        check_steering(request.person, request.place, asked_by, asked_in)

    async def require_administrator(self, request: Request) -> Request:
        """Return the request with the person's present rights. Raises Denied for people who are not administrators."""
        request = await self.refresh(request)
        if not request.person.administrator:
            raise self._policy.administrators_only(request)
        return request

    async def confirm(self, request: Request) -> Request:
        """Return an administrator's request with their present rights, and other requests unchanged."""
        return await self.refresh(request) if request.person.administrator else request

    async def refresh(self, request: Request) -> Request:
        """Return the request with the person's rights as the platform reports them now. Raises PlatformError."""
        person = well_formed(await platforms.person_now(self._adapters[request.place.platform], request))
        return replace(request, person=self._administration.recognise(request.place, person))
