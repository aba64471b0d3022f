"""The terminal chat: a prompt with history and completion, or, where stdin is no terminal, one request a line."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Offer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style
from rich.console import Console as Screen

from adapters.console.command_line import LEAVE, complete, read
from adapters.console.files_and_choices import TerminalChoices
from adapters.console.live_draft import LiveDraft, PlainDraft
from adapters.console.markdown import THEME
from bot.interfaces.adapter import (
    Adapter,
    Audience,
    Draft,
    DraftLog,
    Intake,
    LocalDataAdapter,
    PeopleAdapter,
    PostAdapter,
)
from bot.interfaces.errors import Forbidden, Gone, PlatformError, ShouldersError, UserError
from bot.interfaces.messages import Act, Attachment, Person, Place, Request

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]  # what is used of it is used only where it is

STYLE = Style.from_dict({"prompt": "ansicyan bold", "auto-suggestion": "ansibrightblack"})
HINT = "/help tells more, Ctrl-D leaves."


class Console(Adapter, PeopleAdapter, PostAdapter, LocalDataAdapter):
    """An adapter for the terminal that the program was started in. `failed` says whether any answer failed."""

    name = "console"

    def __init__(
        self,
        history: str,
        *,
        keys: Input | None = None,
        output: Output | None = None,
        screen: Screen | None = None,
    ) -> None:
        self.failed = False
        self._history = history
        self._keys = keys
        self._output = output
        self._screen = screen or Screen(theme=THEME, highlight=False)
        self._live = keys is not None or (sys.stdin.isatty() and sys.stdout.isatty())
        self._person = Person(login(), login(), administrator=True)
        self._ended: dict[str, asyncio.Event] = {}
        self._running: DraftLog | None = None
        self._offered = TerminalChoices()
        self._order = 0
        # every start is a conversation of its own: what a script or yesterday's chat chose does not go on silently
        self._place = Place("console", "local", f"terminal-{time.time_ns()}", direct=True, name="the terminal")

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Talk until the user leaves or the input ends. Raises UserError when a line of a script was not answered."""
        self._offered = TerminalChoices({command.name for command in intake.commands if command.hidden})
        connected(f"{self._person.name} at this terminal")
        await (self._talk(intake) if self._live else self._pipe(intake))
        if self.failed:
            raise UserError("Not every line was answered.")

    async def stop_intake(self) -> None:
        """Nothing comes in while nobody is asked."""

    def draft(self, request: Request, log: DraftLog) -> Draft:
        ended = self._ended.get(request.act.id, asyncio.Event()).set
        if not self._live:
            return PlainDraft(ended, self._fail)
        if request.command != "stop":
            self._running = log
        return LiveDraft(self._screen, ended, self._offered)

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """The file that a path names."""
        return await asyncio.to_thread(_read, Path(attachment.url), limit)

    async def whois(self, request: Request) -> Person:
        """Whoever sits here."""
        return self._person

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        """All that was said here was said by who sits here."""
        return places

    async def audience(self, place: Place) -> Audience:
        """Whoever sits here."""
        return "everybody"

    async def post(self, place: Place, text: str, key: str) -> None:
        """Print a line of the bot's own."""
        self._screen.print(f"{text}\n", style="dim", markup=False)

    async def forget(self, person: str) -> None:
        """Delete the lines that were typed here, whoever typed them."""
        if self._history:
            try:
                await asyncio.to_thread(Path(self._history).write_bytes, b"")
            except OSError as error:
                raise PlatformError(f"{self._history} cannot be emptied: {error.strerror}.") from error

    async def check(self) -> str:
        """A terminal is always there."""
        return "the terminal is ready"

    async def aclose(self) -> None:
        """Do nothing: no connection is held."""

    def _fail(self) -> None:
        self.failed = True

    async def _talk(self, intake: Intake) -> None:
        """The chat with a person."""
        session = await asyncio.to_thread(self._session, intake)
        self._screen.print(HINT, style="dim")
        with self._ctrl_c(intake):
            while (line := await self._ask(session)) is not None:
                if line.strip().removeprefix("/") in LEAVE and line.strip().startswith("/"):
                    return
                if line.strip():
                    with quiet_keys():
                        await self._request(intake, line.strip())

    async def _ask(self, session: PromptSession[str]) -> str | None:
        """A line, or None for leaving."""
        try:
            return await session.prompt_async(handle_sigint=False)
        except KeyboardInterrupt:
            self._screen.print(HINT, style="dim")
            return ""
        except EOFError:
            return None

    async def _pipe(self, intake: Intake) -> None:
        """One request a line, one after the other. Whoever reads the answers may leave before their end."""
        with suppress(BrokenPipeError):
            async for line in lines_of_stdin():
                if line.strip().removeprefix("/") in LEAVE and line.strip().startswith("/"):
                    return
                if line.strip():
                    await self._request(intake, line.strip())

    async def _request(self, intake: Intake, line: str) -> None:
        """Ask, and wait until the answer is shown; what cannot be asked is said."""
        try:
            command, arguments = self._offered.meant(line) or read(line, intake.commands)
            request = self._make(command, arguments)
            ended = self._ended[request.act.id] = asyncio.Event()
            if await intake.offer(intake.settle(request)):
                await ended.wait()
            del self._ended[request.act.id]
        except ShouldersError as error:
            self._say(error.message)
        self._running = None

    def _make(self, command: str, arguments: Mapping[str, str]) -> Request:
        self._order = max(self._order + 1, time.time_ns() // 1000)
        act = Act(f"{self._order}-{os.getpid()}", self._order)
        path = arguments.get("file", "")
        files = (Attachment(Path(path).name, url=str(Path(path).expanduser())),) if path else ()
        return Request(act, self._place, self._person, command, arguments, files)

    def _say(self, sentence: str) -> None:
        if self._live:
            self._screen.print(f"{sentence}\n", style="dim", markup=False)
        else:
            self.failed = True
            print(sentence, file=sys.stderr, flush=True)

    @contextmanager
    def _ctrl_c(self, intake: Intake) -> Iterator[None]:
        """While an answer is written, Ctrl-C asks for its end; at the prompt it is a key like others."""
        loop = asyncio.get_running_loop()
        stops = set[asyncio.Task[None]]()

        def stop() -> None:
            if self._running is not None:
                task = loop.create_task(self._stop(intake, self._running.request_id))
                stops.add(task)
                task.add_done_callback(stops.discard)

        before = signal.signal(signal.SIGINT, lambda _number, _frame: loop.call_soon_threadsafe(stop))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    async def _stop(self, intake: Intake, request: int) -> None:
        try:
            await intake.offer(self._make("stop", {"request": str(request)}))
        except ShouldersError as error:
            self._say(error.message)

    def _session(self, intake: Intake) -> PromptSession[str]:
        """The prompt. Enter sends; Alt-Enter begins a new line, and so do those of a text pasted in."""
        return PromptSession(
            FormattedText([("class:prompt", "> ")]),
            multiline=True,
            prompt_continuation="  ",
            history=open_history(self._history),
            auto_suggest=AutoSuggestFromHistory(),
            completer=IntakeCompleter(intake, self._place, self._person),
            complete_while_typing=True,
            reserve_space_for_menu=6,
            key_bindings=keys(),
            style=STYLE,
            input=self._keys,
            output=self._output,
        )


def _read(path: Path, limit: int) -> bytes:
    """A file's bytes. Raises PlatformError."""
    try:
        if path.stat().st_size > limit:
            raise Forbidden(f"It is too big: {limit >> 20} MiB are the most.")
        return path.read_bytes()
    except OSError as error:
        raise Gone(f"{error.strerror}.") from error


class IntakeCompleter(Completer):
    """Commands, their options, and what the core suggests for these."""

    def __init__(self, intake: Intake, place: Place, person: Person) -> None:
        self._intake = intake
        self._place = place
        self._person = person

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Offer]:
        """Only the asynchronous way is used."""
        yield from ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Offer, None]:
        """What may follow at the cursor."""

        async def suggest(command: str, option: str, typed: str, given: Mapping[str, str]) -> Sequence[str]:
            return await self._intake.suggest(command, option, typed, self._place, self._person, given)

        for found in await complete(document.text_before_cursor, self._intake.commands, suggest):
            yield Offer(found.text, -found.typed, display_meta=found.summary)


def keys() -> KeyBindings:
    """The keys that differ from those of a text of several lines."""
    bindings = KeyBindings()

    @bindings.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    @bindings.add("c-j")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add("c-c")
    def _clear(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt())

    return bindings


def open_history(path: str) -> History:
    """What was typed before, in a file for its owner's eyes; where it cannot be kept, it is not."""
    if not path:
        return InMemoryHistory()
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)


def login() -> str:
    """The name of whoever is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "you"


@contextmanager
def quiet_keys() -> Iterator[None]:
    """Keys pressed meanwhile are not written into the answer; they wait for the prompt as they were pressed."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[0] &= ~termios.ICRNL  # Enter stays Enter
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


async def lines_of_stdin() -> AsyncGenerator[str, None]:
    """Lines as they come, read by a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    lines = asyncio.Queue[str | None]()

    def pump() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=pump, daemon=True, name="stdin").start()
    while (line := await lines.get()) is not None:
        yield line
