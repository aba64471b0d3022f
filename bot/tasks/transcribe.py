"""transcribe: what is said in a voice message, a recording or a video."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Transcribe
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, say
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.languages import language_code


def _steps(given: TaskInput) -> Steps[None]:
    language, english = language_code(given.option("language")), "english" in given.options
    if "timestamps" not in given.options:
        yield from say(Transcribe(given.data, language, english))
        return
    found = yield from ask(Transcribe(given.data, language, english, timestamps=True))
    lines = (f"`{_clock(segment.start)}` {segment.text.strip()}" for segment in found.segments)
    yield Text("\n".join(lines) or found.text)  # some models behind APIs tell no times


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


TASK = Task(
    "transcribe",
    "What is said in a voice message or a recording",
    "transcribe",
    _steps,
    model="openai/whisper-base",
    takes="sound",
    own=(
        Option("language", "The language that is spoken", named=True),
        Option("timestamps", "Say when each sentence begins", "flag"),
        Option("english", "Translate it into English", "flag"),
    ),
    shortcut="Transcribe",
)
