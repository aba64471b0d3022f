"""The terminal chat: a prompt with history and completion; where stdin is not a terminal, one request a line."""

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
from prompt_toolkit.completion import Completion as MenuEntry
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
    termios = None  # type: ignore[assignment]  # without_echo uses it only where it exists

STYLE = Style.from_dict({"prompt": "ansicyan bold", "auto-suggestion": "ansibrightblack"})
GREETING = (
    'Ask a question, or try: /sentiment I love learning about LLMs!   /similar "a cat sat" "a kitten lay"\n'
    "Type /help for the commands. Press Ctrl-D to leave."
)


class Console(Adapter, PeopleAdapter, PostAdapter, LocalDataAdapter):
    """An adapter for the terminal that the program was started in. `failed`: an answer failed."""

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
        self._choices = TerminalChoices()
        self._order = 0
        # every start is a new conversation, so that a model chosen in a script or yesterday does not answer today
        self._place = Place("console", "local", f"terminal-{time.time_ns()}", direct=True, name="the terminal")

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Serve until the person leaves or the input ends.

        Raises UserError when a line of a script was not answered.
        """
        self._choices = TerminalChoices({command.name for command in intake.commands if command.hidden})
        connected(f"{self._person.name} at this terminal")
        await (self._chat(intake) if self._live else self._answer_lines(intake))
        if self.failed:
            raise UserError("Some lines were not answered. The messages above give the reasons.")

    async def stop_intake(self) -> None:
        """Do nothing: without a prompt no request comes in."""

    def draft(self, request: Request, log: DraftLog) -> Draft:
        ended = self._ended.get(request.act.id, asyncio.Event()).set
        if not self._live:
            return PlainDraft(ended, self._fail)
        if request.command != "stop":
            self._running = log
        return LiveDraft(self._screen, ended, self._choices)

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """Read the file at the path that the attachment names."""
        return await asyncio.to_thread(_read, Path(attachment.url), limit)

    async def whois(self, request: Request) -> Person:
        """Return the person at the terminal."""
        return self._person

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        """Return all places: only the person at the terminal wrote in them."""
        return places

    async def audience(self, place: Place) -> Audience:
        """Return "everybody": only the person at the terminal reads here."""
        return "everybody"

    async def post(self, place: Place, text: str, key: str) -> None:
        """Print a message that is not an answer."""
        self._screen.print(f"{text}\n", style="dim", markup=False)

    async def forget(self, person: str) -> None:
        """Delete the history of typed lines; it holds lines of this login only."""
        if self._history:
            try:
                await asyncio.to_thread(Path(self._history).write_bytes, b"")
            except OSError as error:
                raise PlatformError(f"I can't delete the lines in {self._history}: {error.strerror}.") from error

    async def check(self) -> str:
        """Return that the terminal is ready: it needs no token."""
        return "the terminal is ready"

    async def aclose(self) -> None:
        """Do nothing: the adapter holds no connection."""

    def _fail(self) -> None:
        self.failed = True

    async def _chat(self, intake: Intake) -> None:
        """Chat with the person at the prompt."""
        session = await asyncio.to_thread(self._session, intake)
        self._screen.print(GREETING, style="dim")
        with self._stop_on_ctrl_c(intake):
            while (line := await self._next_line(session)) is not None:
                if line.strip().removeprefix("/") in LEAVE and line.strip().startswith("/"):
                    return
                if line.strip():
                    with without_echo():
                        await self._answer(intake, line.strip())

    async def _next_line(self, session: PromptSession[str]) -> str | None:
        """Return the next line; None when the person leaves."""
        try:
            return await session.prompt_async(handle_sigint=False)
        except KeyboardInterrupt:
            self._screen.print(GREETING, style="dim")
            return ""
        except EOFError:
            return None

    async def _answer_lines(self, intake: Intake) -> None:
        """Answer one request a line, in order. The reader of the answers may close the pipe early."""
        with suppress(BrokenPipeError):
            async for line in lines_of_stdin():
                if line.strip().removeprefix("/") in LEAVE and line.strip().startswith("/"):
                    return
                if line.strip():
                    await self._answer(intake, line.strip())

    async def _answer(self, intake: Intake, line: str) -> None:
        """Send a request and wait until its answer is shown; print an error of the line."""
        try:
            command, arguments = self._choices.find(line) or read(line, intake.commands)
            request = self._request_of(command, arguments)
            ended = self._ended[request.act.id] = asyncio.Event()
            if await intake.offer(intake.settle(request)):
                await ended.wait()
            del self._ended[request.act.id]
        except ShouldersError as error:
            self._print_notice(error.message)
        self._running = None

    def _request_of(self, command: str, arguments: Mapping[str, str]) -> Request:
        self._order = max(self._order + 1, time.time_ns() // 1000)
        act = Act(f"{self._order}-{os.getpid()}", self._order)
        path = arguments.get("file", "")
        files = (Attachment(Path(path).name, url=str(Path(path).expanduser())),) if path else ()
        return Request(act, self._place, self._person, command, arguments, files)

    def _print_notice(self, sentence: str) -> None:
        if self._live:
            self._screen.print(f"{sentence}\n", style="dim", markup=False)
        else:
            self.failed = True
            print(sentence, file=sys.stderr, flush=True)

    @contextmanager
    def _stop_on_ctrl_c(self, intake: Intake) -> Iterator[None]:
        """Make Ctrl-C stop an answer that is being written; at the prompt it is an ordinary key."""
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
            await intake.offer(self._request_of("stop", {"request": str(request)}))
        except ShouldersError as error:
            self._print_notice(error.message)

    def _session(self, intake: Intake) -> PromptSession[str]:
        """Return the prompt. Enter sends; Alt-Enter and pasted line breaks begin a new line."""
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
    """Return a file's bytes. Raises PlatformError."""
    try:
        if path.stat().st_size > limit:
            raise Forbidden(f"The file is larger than {limit >> 20} MiB. Name a smaller one.")
        return path.read_bytes()
    except OSError as error:
        raise Gone(f"{error.strerror}.") from error


class IntakeCompleter(Completer):
    """Completions of commands, their options, and values that the core suggests."""

    def __init__(self, intake: Intake, place: Place, person: Person) -> None:
        self._intake = intake
        self._place = place
        self._person = person

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[MenuEntry]:
        """Return nothing: prompt_toolkit uses only the asynchronous method."""
        yield from ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[MenuEntry, None]:
        """Yield the completions at the cursor."""

        async def suggest(command: str, option: str, typed: str, arguments: Mapping[str, str]) -> Sequence[str]:
            return await self._intake.suggest(command, option, typed, self._place, self._person, arguments)

        for found in await complete(document.text_before_cursor, self._intake.commands, suggest):
            yield MenuEntry(found.text, -found.typed, display_meta=found.summary)


def keys() -> KeyBindings:
    """Return the keys that differ from prompt_toolkit's keys for several lines."""
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
    """Return the history in a file that only its owner can read; in memory where the file cannot be written."""
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
    """Return the login name of the person at the terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id without a name
        return "you"


@contextmanager
def without_echo() -> Iterator[None]:
    """Keep pressed keys out of the answer on the screen; the prompt receives them later."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    echoless = termios.tcgetattr(sys.stdin)
    echoless[0] &= ~termios.ICRNL  # keep the Enter key apart from Ctrl-J
    echoless[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, echoless)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


async def lines_of_stdin() -> AsyncGenerator[str, None]:
    """Yield the lines of stdin from a daemon thread, which does not block the end of the program."""
    loop = asyncio.get_running_loop()
    lines = asyncio.Queue[str | None]()

    def read_all() -> None:
        with suppress(RuntimeError):  # the loop is closed
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read_all, daemon=True, name="stdin").start()
    while (line := await lines.get()) is not None:
        yield line
