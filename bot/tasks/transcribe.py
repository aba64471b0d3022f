"""transcribe: write down the speech of a voice message, a recording or a video."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Transcribe
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, show
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.languages import language_code


def _steps(task_input: TaskInput) -> Steps[None]:
    language, english = language_code(task_input.option("language")), "english" in task_input.options
    if "timestamps" not in task_input.options:
        yield from show(Transcribe(task_input.data, language, english))
        return
    transcript = yield from ask(Transcribe(task_input.data, language, english, timestamps=True))
    lines = (f"`{_clock(segment.start)}` {segment.text.strip()}" for segment in transcript.segments)
    yield Text("\n".join(lines) or transcript.text)  # some models behind APIs return no times


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


TASK = Task(
    "transcribe",
    "Write down the speech of a voice message or a recording",
    "transcribe",
    _steps,
    model="openai/whisper-base",
    takes="sound",
    own=(
        Option("language", "The language of the speech", named=True),
        Option("timestamps", "Add the time at which each sentence begins", "flag"),
        Option("english", "Translate the speech into English", "flag"),
    ),
    shortcut="Transcribe",
)
