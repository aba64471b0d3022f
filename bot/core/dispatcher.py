"""The whole story of one request on one page: which command, may they, answer; and what is said when it fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot.chat.buttons import retry_choice
from bot.commands._registry import CommandModule, CommandWithForm, CommandWithHome, CommandWithSuggestions
from bot.core.admission import Admissions
from bot.interfaces.command import Command, by_path, usage
from bot.interfaces.errors import BackendError, Denied, ShouldersError, UserError
from bot.interfaces.messages import Act, Person, Place, Request
from bot.interfaces.replies import Answer, Choices, Done, Form, Note, Private, Reply
from bot.interfaces.store import Accepted
from bot.services import Services

log = logging.getLogger(__name__)


class Dispatcher:
    """Turns an accepted request into a Reply. Knows no platform."""

    def __init__(self, services: Services, commands: Mapping[str, CommandModule], admissions: Admissions) -> None:
        self._services = services
        self._commands = commands
        self._admissions = admissions
        self._declared = by_path(module.COMMAND for module in commands.values())

    async def handle(self, accepted: Accepted) -> Reply:
        """Answer. Always ends in Done: what goes wrong is said in the reply, in words, and what helps is offered."""
        request = accepted.request
        try:
            accepted = replace(accepted, request=await self._admit(request))
            async with aclosing(self._module(request).run(self._services, accepted)) as reply:
                async for chunk in reply:
                    yield chunk
            return
        except Denied as error:
            told = await self._services.administration.audit_refusal(request, error.message)
            if not request.private:
                yield Private()
            yield Choices(())
            if told:
                yield Note(error.message)
        except BackendError as error:
            log.warning("Request %d: %s: %s", accepted.id, type(error).__name__, error.message)
            yield Note(f"⚠️ {error.message}")
            yield Choices((retry_choice(accepted),))
        except ShouldersError as error:
            yield Choices(())
            yield Note(error.message)
        except Exception:  # a fault of ours must not leave anyone waiting
            log.exception("Request %d failed", accepted.id)
            yield Note("⚠️ Something went wrong inside the bot; its log says what. Try again, or tell whoever runs it.")
            yield Choices((retry_choice(accepted),))
        yield Done("failed")

    async def dialog(self, request: Request) -> Form | None:
        """The form that a request opens, for somebody who may use it. Raises UserError."""
        module = self._module(request)
        try:
            request = self._checked(await self._services.rights.refresh(request))
            return await module.dialog(self._services, request) if isinstance(module, CommandWithForm) else None
        except Denied as error:
            await self._services.administration.audit_refusal(request, error.message)
            raise

    async def suggest(
        self, command: str, option: str, place: Place, person: Person, given: Mapping[str, str]
    ) -> Sequence[str]:
        """Everything that an option may be completed to; nothing for who may not use the command."""
        request = Request(Act("", 0), place, person, command, given)
        module = self._module(request)
        if not isinstance(module, CommandWithSuggestions) or self._services.policy.forbidden(
            request, self._declared[command]
        ):
            return ()
        return await module.suggest(self._services, request, option)

    async def home(self, place: Place, person: Person) -> Answer:
        """The bot's own page: what the commands have to show there, or why this person may not see it."""
        hosts = [module for module in self._commands.values() if isinstance(module, CommandWithHome)]
        pages = [await self._page(host, place, person) for host in hosts]
        text = "\n\n".join(page.text for page in pages)
        return Answer(text, choices=tuple(choice for page in pages for choice in page.choices))

    async def _page(self, host: CommandWithHome, place: Place, person: Person) -> Answer:
        request = Request(Act("", 0), place, person, next(iter(by_path([host.COMMAND]))))
        try:
            return await host.home(self._services, await self._admit(request))
        except Denied as error:
            return Answer(error.message)

    def _module(self, request: Request) -> CommandModule:
        return self._commands[request.command.partition(" ")[0]]

    async def _admit(self, request: Request) -> Request:
        """Return the whole request with the rights that its person has now. Raises Denied or UserError."""
        return self._checked(await self._services.rights.current(request, self._declared[request.command]))

    def _checked(self, request: Request) -> Request:
        """Return the whole request of somebody who may make it. Raises Denied or UserError."""
        command = self._declared[request.command]
        if refused := self._admissions.refusal(request):
            raise refused
        if absent := next((o for o in command.options if o.required and not request.arguments.get(o.name)), None):
            needs = f"/{request.command} needs to know {absent.name}: {absent.summary}."
            raise UserError(f"{needs} Write `{usage(request.command, command)}`.")
        return replace(request, arguments=_chosen(command, request.arguments))


def _chosen(command: Command, given: Mapping[str, str]) -> Mapping[str, str]:
    """The arguments, those of which there are few as they are declared. Raises UserError for what is none of these."""
    arguments = dict(given)
    for option in command.options:
        said = given.get(option.name, "").strip().lower()
        if option.choices and said:
            found = next((word for word in option.choices if said in (word, word.removesuffix("s"))), None)
            if found is None:
                raise UserError(f"`{option.name}` is one of: {', '.join(option.choices)}; “{said[:40]}” is none.")
            arguments[option.name] = found
    return arguments
