"""speak: read a text aloud, into an audio file."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Speak
from bot.interfaces.replies import File, Status
from bot.tasks.engine.steps import ask, compute
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import chunk_text
from bot.utils.media_types import sound_ending

LONGEST = 4_000
"""The most characters of a text: about five minutes."""

ROOM = 120
"""Tokens of one piece: in longer texts, models repeat or skip words."""

PAUSE = 0.25
"""Seconds between two pieces."""


def _steps(task_input: TaskInput) -> Steps[None]:
    if len(task_input.text) > LONGEST:
        raise UserError(
            f"The text has {len(task_input.text):,} characters, and I read at most {LONGEST:,} aloud. Shorten it."
        )
    recordings, pieces = [], chunk_text(task_input.text, min(task_input.room, ROOM))
    for number, piece in enumerate(pieces, 1):
        yield Status(f"Speaking: {number} of {len(pieces)}…")
        recordings.append((yield from ask(Speak(piece.text, task_input.option("voice")))))
    audio = yield from compute(lambda: joined_audio([recording.data for recording in recordings]))
    yield File(f"speech.{sound_ending(audio)}", audio, task_input.text[:500])


def joined_audio(recordings: Sequence[bytes]) -> bytes:
    """Return several audio files as one: WAV with short pauses, other formats directly one after the other."""
    if len(recordings) == 1 or not recordings[0].startswith(b"RIFF"):
        return b"".join(recordings)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as joined_file:
        for number, recording in enumerate(recordings):
            with wave.open(io.BytesIO(recording)) as part:
                if number:
                    joined_file.writeframes(
                        bytes(int(PAUSE * part.getframerate()) * part.getsampwidth() * part.getnchannels())
                    )
                else:
                    joined_file.setparams(part.getparams())
                joined_file.writeframes(part.readframes(part.getnframes()))
    return buffer.getvalue()


TASK = Task(
    "speak",
    "Read a text aloud, into an audio file",
    "speak",
    _steps,
    model="facebook/mms-tts-eng",
    own=(Option("voice", "The voice, by name or number, for models with several", named=True),),
    shortcut="Read aloud",
)
