"""What every command and every backend keeps to. New ones are found by themselves; broken ones are noticed.

Adapters have test_scenarios.py, databases storage/test_contract.py.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from bot.commands._registry import CommandModule, CommandWithForm, CommandWithSuggestions, load_commands
from bot.config import backend_kinds
from bot.interfaces.backend import Backend
from bot.interfaces.command import Command, Option, by_path
from bot.interfaces.prompts import Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Piece, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from tests.fakes.memory import MemoryBackend
from tests.fakes.openai import FakeOpenAI

NAME = re.compile(r"[a-z0-9-]{1,32}")
LONGEST_SUMMARY = 100
"""What Discord takes."""

PROMPT: Prompt = (Utterance("system", "Be brief."), Utterance("user", "What is a model?"))


def module_mistakes(module: CommandModule) -> list[str]:
    """What keeps a file of commands from being offered on every platform."""
    command = module.COMMAND
    askable = by_path([command])
    found = [mistake for one in {**askable, command.name: command}.values() for mistake in command_mistakes(one)]
    if not module.__doc__ or not module.run.__doc__:
        found.append("no docstring")
    if command.subcommands and command.options:
        found.append("options beside subcommands")
    if any(one.dialog for one in askable.values()) and not isinstance(module, CommandWithForm):
        found.append("no dialog")
    if any(option.suggested for one in askable.values() for option in one.options) and not isinstance(
        module, CommandWithSuggestions
    ):
        found.append("nothing to suggest")
    return found


def command_mistakes(command: Command) -> list[str]:
    """What is wrong with one command or subcommand."""
    found = []
    everything: list[Command | Option] = [command, *command.options]
    for named in everything:
        if not NAME.fullmatch(named.name):
            found.append(f"the name {named.name!r}")
        if not 0 < len(named.summary) <= LONGEST_SUMMARY:
            found.append(f"the summary of {named.name}")
    names = [option.name for option in command.options]
    if len(set(names)) != len(names):
        found.append("two options of one name")
    required = [option.required for option in command.options]
    if required != sorted(required, reverse=True):
        found.append("a required option after one that is not")
    if len(names) > 25 or any(len(option.choices) > 25 for option in command.options):
        found.append("more than 25 options or choices")
    if len(command.subcommands) > 25:
        found.append("more than 25 subcommands")
    if command.passes and command.converses:
        found.append("it passes by the conversation that it belongs to")
    return found


@pytest.mark.parametrize("name", sorted(load_commands()))
def test_every_command_can_be_offered_everywhere(name: str) -> None:
    module = load_commands()[name]
    assert module_mistakes(module) == []
    assert module.COMMAND.name == name


class Broken:
    """A command that no platform can offer."""

    COMMAND = Command(
        "Not a name!", "", (Option("b", "B"), Option("a", "A", required=True), Option("a", "x" * 101, suggested=True))
    )

    async def run(self, services: Services, accepted: Accepted) -> Reply:
        yield Done()


def test_a_broken_command_is_noticed() -> None:
    assert len(module_mistakes(Broken())) == 7


@asynccontextmanager
async def openai_backend(folder: Path, _tiny: Path) -> AsyncGenerator[Backend, None]:
    async with FakeOpenAI(key="") as server:
        kind = backend_kinds()["openai"]
        table = kind.settings.model_validate({"backend": "openai", "model": "test", "base_url": server.base_url})
        yield kind.create({"m": table}, {}, folder, kind.shared())["m"]


@asynccontextmanager
async def local_backend(folder: Path, tiny: Path) -> AsyncGenerator[Backend, None]:
    kind = backend_kinds()["local"]
    table = kind.settings.model_validate({"backend": "local", "model": str(tiny), "max_tokens": 8})
    yield kind.create({"m": table}, {}, folder, kind.shared())["m"]


@asynccontextmanager
async def make_backend(kind: str, folder: Path, tiny: Path) -> AsyncGenerator[Backend, None]:
    """Yield a backend that answers. A kind without a maker is made from the smallest table."""
    if maker := MAKERS.get(kind):
        async with maker(folder, tiny) as backend:
            yield backend
        return
    found = backend_kinds()[kind]
    table = found.settings.model_validate({"backend": kind, "model": "test"})
    yield found.create({"m": table}, {}, folder, found.shared())["m"]


MAKERS = {"openai": openai_backend, "local": local_backend}
"""By kind of backend, a function that makes one that needs a server or a model's files."""


async def backend_mistakes(backend: Backend) -> list[str]:
    """Where a backend does not keep to bot.interfaces.backend.Backend."""
    found = []
    if backend.context <= 0 or not backend.destination:
        found.append("no context or no destination")
    short, long = await backend.count(PROMPT), await backend.count((*PROMPT, Utterance("user", "and so on " * 50)))
    if not 0 < short < long:
        found.append("more text is not more tokens")
    await backend.prepare()
    for _ in range(2):
        chunks = await heard(backend)
        if not chunks or not isinstance(chunks[-1], Done):
            found.append("the last chunk is not Done")
        if any(isinstance(chunk, Done) for chunk in chunks[:-1]):
            found.append("more than one Done")
        if not any(isinstance(chunk, Text) and chunk.text for chunk in chunks):
            found.append("no text")
    async with aclosing(backend.stream(PROMPT, Sampling())) as pieces:
        async for chunk in pieces:
            if isinstance(chunk, Text):
                break  # and hang up in the middle
    if not await heard(backend):
        found.append("no answer after one was broken off")
    await backend.aclose()
    await backend.aclose()
    return found


async def heard(backend: Backend) -> list[Piece]:
    async with aclosing(backend.stream(PROMPT, Sampling())) as pieces:
        return [chunk async for chunk in pieces]


@pytest.mark.parametrize("kind", sorted(backend_kinds()))  # found now: the loop must not wait for it
async def test_every_backend_keeps_to_the_port(kind: str, tmp_path: Path, tiny: Path) -> None:
    async with make_backend(kind, tmp_path, tiny) as backend:
        assert await backend_mistakes(backend) == []


async def test_a_broken_backend_is_noticed() -> None:
    async def silent(prompt: Prompt) -> AsyncGenerator[Text | Done, None]:
        yield Done()
        yield Done()

    assert "no text" in await backend_mistakes(MemoryBackend(silent))
    assert "no context or no destination" in await backend_mistakes(MemoryBackend(context=0))
