"""The dispatch of one request: find its command, check the permission, run it, and report failures."""

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
    """Turns an accepted request into a Reply, for every platform."""

    def __init__(self, services: Services, commands: Mapping[str, CommandModule], admissions: Admissions) -> None:
        self._services = services
        self._commands = commands
        self._admissions = admissions
        self._declared = by_path(module.COMMAND for module in commands.values())

    async def handle(self, accepted: Accepted) -> Reply:
        """Yield the answer, which ends in Done. A failure becomes a note, with a Retry button where that helps."""
        request = accepted.request
        try:
            accepted = replace(accepted, request=await self._admit(request))
            async with aclosing(self._module(request).run(self._services, accepted)) as reply:
                async for chunk in reply:
                    yield chunk
            return
        except Denied as error:
            shown = await self._services.administration.audit_refusal(request, error.message)
            if not request.private:
                yield Private()
            yield Choices(())
            if shown:
                yield Note(error.message)
        except BackendError as error:
            log.warning("Request %d: %s: %s", accepted.id, type(error).__name__, error.message)
            yield Note(f"⚠️ {error.message}")
            yield Choices((retry_choice(accepted),))
        except ShouldersError as error:
            yield Choices(())
            yield Note(error.message)
        except Exception:  # a fault of the bot must not leave a person without an answer
            log.exception("Request %d failed", accepted.id)
            yield Note("⚠️ An error inside me stopped this answer. Try again, or ask my operator to look into the log.")
            yield Choices((retry_choice(accepted),))
        yield Done("failed")

    async def dialog(self, request: Request) -> Form | None:
        """Return the form that a request opens, after a check of the permission. Raises UserError."""
        module = self._module(request)
        try:
            request = self._checked(await self._services.rights.refresh(request))
            return await module.dialog(self._services, request) if isinstance(module, CommandWithForm) else None
        except Denied as error:
            await self._services.administration.audit_refusal(request, error.message)
            raise

    async def suggest(
        self, command: str, option: str, place: Place, person: Person, arguments: Mapping[str, str]
    ) -> Sequence[str]:
        """Return all completions of an option; none for people who may not use the command."""
        request = Request(Act("", 0), place, person, command, arguments)
        module = self._module(request)
        if not isinstance(module, CommandWithSuggestions) or self._services.policy.forbidden(
            request, self._declared[command]
        ):
            return ()
        return await module.suggest(self._services, request, option)

    async def home(self, place: Place, person: Person) -> Answer:
        """Return the bot's own page, made by its commands, or the reason why this person may not see it."""
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
        """Return the complete request with the person's present rights. Raises Denied or UserError."""
        return self._checked(await self._services.rights.current(request, self._declared[request.command]))

    def _checked(self, request: Request) -> Request:
        """Return the complete request after a check of its permission. Raises Denied or UserError."""
        command = self._declared[request.command]
        if refused := self._admissions.refusal(request):
            raise refused
        if absent := next((o for o in command.options if o.required and not request.arguments.get(o.name)), None):
            needs = f"`/{request.command}` needs `{absent.name}`: {absent.summary}."
            raise UserError(f"{needs} Write `{usage(request.command, command)}`.")
        return replace(request, arguments=_with_declared_choices(command, request.arguments))


def _with_declared_choices(command: Command, arguments: Mapping[str, str]) -> Mapping[str, str]:
    """Return the arguments, with choices spelt as they are declared. Raises UserError for another value."""
    spelt = dict(arguments)
    for option in command.options:
        value = arguments.get(option.name, "").strip().lower()
        if option.choices and value:
            choice = next((word for word in option.choices if value in (word, word.removesuffix("s"))), None)
            if choice is None:
                choices = ", ".join(option.choices)
                raise UserError(f"“{value[:40]}” is not a valid value of `{option.name}`. Write one of: {choices}.")
            spelt[option.name] = choice
    return spelt
