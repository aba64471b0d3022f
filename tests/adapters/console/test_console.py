"""The terminal chat: lines, rendered answers, keys at the prompt, and the whole program on a real pty."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import pty
import sys
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console as Screen

from adapters.console import PLATFORM
from adapters.console.adapter import Console
from adapters.console.command_line import complete, read
from adapters.console.files_and_choices import TerminalChoices, save
from adapters.console.live_draft import LiveDraft
from adapters.console.markdown import THEME
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Request
from bot.interfaces.network import DIRECT
from bot.interfaces.replies import Answer, Choice, Chunk, Done, File, Status, Text
from tests.fakes.intake import COMMANDS, RecordingIntake
from tests.fakes.openai import Answer as Scripted
from tests.fakes.openai import FakeOpenAI, failing
from tests.fakes.terminal import Terminal

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "command", "arguments"),
    [
        ("What is /ask?", "chat", {"text": "What is /ask?"}),
        ("/etc/passwd is what?", "chat", {"text": "/etc/passwd is what?"}),
        ("/new", "new", {}),
        ("/model small", "model", {"name": "small"}),
        ("/ask --model=large --private Why?", "ask", {"model": "large", "private": "yes", "text": "Why?"}),
        ("/ask --model large Why --not?", "ask", {"model": "large", "text": "Why --not?"}),
        ('/ask --model="a b" one\ntwo', "ask", {"model": "a b", "text": "one\ntwo"}),
    ],
)
def test_a_line_is_a_request(line: str, command: str, arguments: dict[str, str]) -> None:
    assert read(line, COMMANDS) == (command, arguments)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/modle x", "Did you mean `/model`?"),
        ("/quiz", "Did you mean `/quit`?"),
        ("/xyzzy", "`/help` lists the commands."),
        ("/welcome", "`/help` lists the commands."),
        ("/new now", "`/new` takes no text after it."),
        ("/ask --modle=x Why?", "Options: `--model`, `--private`."),
    ],
)
def test_a_wrong_line_is_explained(line: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(line, COMMANDS)
    assert caught.value.message.endswith(message)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hello", []),
        ("/m", ["/model"]),
        ("/mo", ["/model"]),
        ("/w", []),
        ("/q", ["/quit"]),
        ("/model ", ["large", "small"]),
        ("/model sm", ["small"]),
        ("/model small ", []),
        ("/ask --", ["--model=", "--private "]),
        ("/ask --model=la", ["large"]),
        ("/ask Why", []),
        ("/pick ", ["red", "blue"]),
        ("/pick --size la", []),
    ],
)
async def test_completion(line: str, expected: Sequence[str]) -> None:
    async def suggest(command: str, option: str, typed: str, arguments: Mapping[str, str]) -> Sequence[str]:
        return [name for name in ("large", "small") if typed in name]

    pick = Command("pick", "Pick", (Option("colour", "Which", choices=("red", "blue")),))
    assert [found.text for found in await complete(line, (*COMMANDS, pick), suggest)] == expected


def drawing(height: int = 12) -> tuple[Terminal, LiveDraft]:
    terminal = Terminal(height)
    screen = Screen(file=terminal, force_terminal=True, width=60, height=height, theme=THEME, highlight=False)
    return terminal, LiveDraft(screen, lambda: None, TerminalChoices())


MARKDOWN = """\
# Title
A paragraph
of two lines with <b>a tag</b> and \x1b]0;a trick\x07.

1. one
2. two
   - inner

```python
def f(): pass
```
| a | b |
|---|---|
| 1 | 2 |
""" + "\n".join(f"- item {number}" for number in range(40))


@pytest.mark.parametrize("size", [1, 7, 40, 10_000])
async def test_chunks_and_frames_do_not_change_the_result(size: int) -> None:
    whole, at_once = drawing()
    await at_once.finish(Answer(MARKDOWN))
    pieces, draft = drawing()
    for start in range(0, len(MARKDOWN), size):
        draft.write(Text(MARKDOWN[start : start + size]))
        if start % 3 == 0:
            draft._draw()
    await draft.finish(Answer(MARKDOWN))
    assert pieces.lines == whole.lines
    assert whole.lines[:4] == ["Title", "", "A paragraph", "of two lines with <b>a tag</b> and ]0;a trick."]
    assert [line for line in whole.lines if "item" in line] == [f" • item {number}" for number in range(40)]
    assert "\x1b]" not in pieces.getvalue()


async def test_a_status_shows_the_queue_and_goes_away() -> None:
    terminal, draft = drawing()
    draft.write(Status("Waiting for the model…", 2))
    draft._draw()
    assert terminal.lines[0].endswith("Waiting for the model… (number 2 in the queue)")
    draft.write(Text("Here"))
    draft._draw()
    assert terminal.lines[0] == "Here"
    await draft.finish(Answer("Here it is", ("A *note*.",), (Choice("Retry", "retry"),)))
    assert terminal.lines == ["Here it is", "", "A note.", "", "/retry", "", ""]


async def test_a_fresh_draft_shows_a_finished_answer() -> None:
    terminal, draft = drawing()
    draft.write(Text("Something else"))
    await draft.finish(Answer("The answer"))
    assert terminal.lines == ["The answer", "", ""]


async def answer(intake: RecordingIntake, console: Console, *chunks: Chunk, notes: tuple[str, ...] = ()) -> Request:
    """Answer the next request as the core does."""
    request = await intake.next()
    draft = intake.draft(console, request)
    for chunk in chunks:
        draft.write(chunk)
    await draft.finish(Answer("".join(chunk.text for chunk in chunks if isinstance(chunk, Text)), notes))
    return request


async def test_a_pipe_receives_only_the_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("first\n\n/modle\n/model small\n/quit\nnever\n"))
    intake, console = RecordingIntake(), Console("")
    texts: list[str] = []
    running = asyncio.create_task(console.run(intake, texts.append))
    first = await answer(intake, console, Status("Thinking…"), Text("On"), Text("e\x1b[2J"), notes=("Noted.",))
    second = await answer(intake, console, Text("Two\n"), Done("failed"))
    with pytest.raises(UserError, match="not answered"):
        await running
    out, err = capsys.readouterr()
    assert texts[0].endswith("at this terminal")
    assert out == "One[2J\nTwo\n"
    assert err.startswith("Noted.\nThere is no command `/modle`.")
    assert (first.text, dict(second.arguments)) == ("first", {"name": "small"})
    assert first.act.order < second.act.order
    assert (first.place.direct, first.person.administrator) == (True, True)
    assert console.failed


@asynccontextmanager
async def prompt(intake: RecordingIntake, keys: Sequence[str]) -> AsyncIterator[tuple[Console, io.StringIO]]:
    """Return a chat in which a person has pressed these keys."""
    with create_pipe_input() as pipe:
        output = io.StringIO()
        screen = Screen(file=output, force_terminal=True, theme=THEME, highlight=False)
        console = Console("", keys=pipe, output=DummyOutput(), screen=screen)
        pipe.send_text("".join(keys))
        running = asyncio.create_task(console.run(intake, lambda _line: None))
        yield console, output
        await asyncio.wait_for(running, 5)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("Hi\r", "Hi"),
        ("one\x1b\rtwo\r", "one\ntwo"),
        ("one\ntwo\r", "one\ntwo"),
        ("\x1b[200~one\r\ntwo\x1b[201~\r", "one\ntwo"),
        ("away\x03Hi\r", "Hi"),
        ("\x03Hi\r", "Hi"),
    ],
)
async def test_keys(keys: str, text: str) -> None:
    intake = RecordingIntake()
    async with prompt(intake, [keys, "/quit\r"]) as (console, _):
        request = await answer(intake, console, Text("Hello"))
    assert request.text == text


async def test_ctrl_d_leaves() -> None:
    async with prompt(RecordingIntake(), ["\x04"]):
        pass


async def test_an_unstored_request_is_reported() -> None:
    intake = RecordingIntake()
    intake.broken = True
    async with prompt(intake, ["Hi\r", "\x04"]) as (_, output):
        pass
    assert "The disk is full." in output.getvalue()


async def test_the_history_is_for_its_owner(tmp_path: Path) -> None:
    settings = PLATFORM.settings.model_validate({"history": str(tmp_path / "new" / "history")})
    console = PLATFORM.create(settings, {}, DIRECT)
    assert isinstance(console, Console)
    await asyncio.to_thread(console._session, RecordingIntake())
    assert (tmp_path / "new" / "history").stat().st_mode & 0o777 == 0o600


async def test_typed_lines_can_be_deleted(tmp_path: Path) -> None:
    history = tmp_path / "history"
    await asyncio.to_thread(history.write_text, "+a secret")
    await Console(str(history)).forget("ann")
    assert await asyncio.to_thread(history.read_bytes) == b""
    await Console("").forget("ann")
    with pytest.raises(PlatformError, match="Is a directory"):
        await Console(str(tmp_path)).forget("ann")


async def test_saved_files_are_private_and_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notices = await save([File("mine.json", b"1"), File("mine.json", b"2")])
    assert notices == ["Saved as mine.json", "Saved as mine-2.json"]
    assert [(path.read_bytes(), path.stat().st_mode & 0o777) for path in map(Path, ("mine.json", "mine-2.json"))] == [
        (b"1", 0o600),
        (b"2", 0o600),
    ]


async def test_choices_that_cannot_be_typed_are_not_offered() -> None:
    terminal = Terminal(height=50)
    screen = Screen(file=terminal, force_terminal=True, width=100, height=50, theme=THEME)
    draft = LiveDraft(screen, lambda: None, TerminalChoices({"feedback"}))
    await draft.finish(Answer("Hi", choices=(Choice("👍", "feedback"), Choice("Retry", "retry"))))
    assert [line for line in terminal.lines if line.startswith("/")] == ["/retry"]


class Pty:
    """The program on a terminal of its own."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.seen = ""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        self.seen += os.read(self.master, 65_536).decode(errors="replace")
        if "\x1b[6n" in self.seen:
            os.write(self.master, b"\x1b[1;1R")
            self.seen = self.seen.replace("\x1b[6n", "")
        self._more.set()

    async def until(self, text: str) -> None:
        """Wait for a text and drop the output before it."""
        while text not in self.seen:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 20)
        self.seen = self.seen.partition(text)[2]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)


async def test_the_program_on_a_terminal(tmp_path: Path) -> None:
    """A streamed answer, Ctrl-C that stops one and not the program, the next answer, and leaving."""
    async with FakeOpenAI() as openai:
        (tmp_path / "config.toml").write_text(
            f'[models.gpt]\nbackend = "openai"\nmodel = "test"\nbase_url = "{openai.base_url}"\n'
        )
        openai.script(Scripted(("Hal", asyncio.Event())))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": openai.key, "TERM": "xterm"}
        terminal = Pty()
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "chat"),
            stdin=terminal.slave,
            stdout=terminal.slave,
            stderr=terminal.slave,
            cwd=tmp_path,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),
        )
        await terminal.until("> ")
        terminal.press("Hi\r")
        await terminal.until("Hal")
        terminal.press("\x03")
        await terminal.until("Stopped.")
        await terminal.until("> ")
        terminal.press("Again\r")
        await terminal.until("You said: Again")
        await terminal.until("> ")
        terminal.press("/quit\r")
        assert await asyncio.wait_for(program.wait(), 20) == 0
        terminal.close()
    assert openai.hung_up.is_set()
    assert not openai.violations


async def test_a_pipe_reports_every_failure(tmp_path: Path) -> None:
    """Each retry is reported, and an empty answer counts as a failure."""
    async with FakeOpenAI() as openai:
        (tmp_path / "config.toml").write_text(
            f'[models.gpt]\nbackend = "openai"\nmodel = "test"\nbase_url = "{openai.base_url}"\n'
        )
        openai.script(failing(503, "busy", after=0.01), failing(503, "busy", after=0.01), Scripted(()))
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "chat"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": openai.key},
        )
        texts, notices = await asyncio.wait_for(program.communicate(b"Hi\n"), 30)
    assert (program.returncode, texts) == (1, b"")
    lines = notices.decode()
    for sentence in ("Trying again in 1 s.", "Trying for the last time in 1 s.", "empty answer", "were not answered"):
        assert sentence in lines
