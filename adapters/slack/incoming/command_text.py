"""Typed text as a command with arguments, or as a message to the bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.shared.command_line import find_command, nearest_command, options_sentence, parse_arguments
from adapters.slack.incoming.message_text import join
from adapters.slack.outgoing.mrkdwn import mentioned_ids, readable
from adapters.slack.people.directory import Directory
from bot.interfaces.command import Command, by_path
from bot.interfaces.errors import UserError

ParsedCommand = tuple[str, Mapping[str, str]]
"""The path of a command, and its arguments."""


class CommandText:
    """A reader of text for the bot `me`; `ask` is the slash command of the command `ask`."""

    def __init__(self, me: str, commands: Sequence[Command], directory: Directory, ask: str) -> None:
        self.paths = by_path(commands)
        self._me = me
        self._commands = commands
        self._directory = directory
        self._ask = ask

    async def prose(self, raw: str, here: str, *, look: bool = True, subjects: bool = False) -> str:
        """Return a text as people see it in the channel `here`; with `subjects`, mentions are values of options.

        Without `look`, only known names replace ids.
        """
        others = [key for key in mentioned_ids(raw) if key != self._me]
        names = await self._directory.names(others, here, look=look)
        return readable(raw, names, self._me, subjects=subjects)

    async def message(self, raw: str, beside: str, here: str, *, look: bool = True) -> ParsedCommand:
        """Return the command of a message: `/name rest` is that command, anything else is `chat`. Raises UserError.

        Text `beside` the person's own, such as a shared message, is added to the argument `text` and never holds
        options.
        """
        text, text_beside = await self.prose(raw, here, look=look), await self.prose(beside, here, look=look)
        if text.startswith("/"):
            if found := await self._find(text, raw, here, look=look):
                return self._complete(*self._with_text(found, text_beside), "/")
            if nearest := nearest_command(text, self._commands):
                raise UserError(f"There is no command `{text.split()[0]}`. Did you mean `/{nearest}`?")
        return "chat", {"text": join(text, text_beside)}

    async def slash(self, slash: str, raw: str, here: str, *, look: bool = True) -> ParsedCommand:
        """Return the command of the text after a slash command. Raises UserError."""
        name = "ask " if slash == self._ask else ""
        text = await self.prose(f"{name}{raw}", here, look=look) or "help"
        found = await self._find(text, f"{name}{raw}", here, look=look)
        if found is None:
            raise UserError(self._unknown_command(slash, text))
        return self._complete(*found, "" if slash == self._ask else f"{slash} ")

    async def _find(self, text: str, raw: str, here: str, *, look: bool) -> ParsedCommand | None:
        """Return a command with arguments; mentions are subjects where it has options for people or channels."""
        found = find_command(text, self._commands)
        if found and any(option.kind in ("who", "channel") for option in found[1].options):
            found = find_command(await self.prose(raw, here, look=look, subjects=True), self._commands)
        return (found[0], parse_arguments(*found)) if found else None

    def _with_text(self, parsed: ParsedCommand, text_beside: str) -> ParsedCommand:
        """Return the command with more text, where it takes one."""
        path, arguments = parsed
        if not text_beside or all(option.name != "text" for option in self.paths[path].options):
            return parsed
        return path, {**arguments, "text": join(arguments.get("text", ""), text_beside)}

    def _complete(self, path: str, arguments: Mapping[str, str], prefix: str) -> ParsedCommand:
        """Raise UserError where a required option is missing."""
        command = self.paths[path]
        missing = next((option for option in command.options if option.required and option.name not in arguments), None)
        if missing is None:
            return path, arguments
        typed = f"{prefix}{path}" if prefix else self._ask
        raise UserError(
            f"“{missing.summary}” is missing. Write it after the command: `{typed} …`.{options_sentence(command)}"
        )

    def _unknown_command(self, slash: str, typed: str) -> str:
        nearest = nearest_command(typed, self._commands)
        suggestion = f" Did you mean `{slash} {nearest}`?" if nearest else ""
        lines = "\n".join(
            f"• `{slash} {command.name}{_subcommands(command)}` {command.summary}"
            for command in self._commands
            if not command.hidden
        )
        return f"There is no command “{typed.split()[0][:40]}”.{suggestion} My commands:\n{lines}"


def _subcommands(command: Command) -> str:
    return f" {' | '.join(subcommand.name for subcommand in command.subcommands)}" if command.subcommands else ""
