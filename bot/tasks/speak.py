"""speak: a text read aloud, as a file."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Speak
from bot.interfaces.replies import File, Status
from bot.tasks.engine.steps import apart, ask
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import chunk_text
from bot.utils.media_types import sound_ending

LONGEST = 4_000
"""Characters: about five minutes."""

ROOM = 120
"""Tokens of one breath; models that speak lose their way in longer texts."""

PAUSE = 0.25
"""Seconds between two pieces."""


def _steps(given: TaskInput) -> Steps[None]:
    if len(given.text) > LONGEST:
        raise UserError(f"That is too long to be read aloud: {len(given.text):,} characters, and I read {LONGEST:,}.")
    sounds, pieces = [], chunk_text(given.text, min(given.room, ROOM))
    for number, piece in enumerate(pieces, 1):
        yield Status(f"Speaking: {number} of {len(pieces)}…")
        sounds.append((yield from ask(Speak(piece.text, given.option("voice")))))
    content = yield from apart(lambda: joined([sound.data for sound in sounds]))
    yield File(f"speech.{sound_ending(content)}", content, given.text[:500])


def joined(sounds: Sequence[bytes]) -> bytes:
    """Several files as one: of WAV with short pauses; other kinds go on where they are put together."""
    if len(sounds) == 1 or not sounds[0].startswith(b"RIFF"):
        return b"".join(sounds)
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        for number, sound in enumerate(sounds):
            with wave.open(io.BytesIO(sound)) as one:
                if number:
                    out.writeframes(bytes(int(PAUSE * one.getframerate()) * one.getsampwidth() * one.getnchannels()))
                else:
                    out.setparams(one.getparams())
                out.writeframes(one.readframes(one.getnframes()))
    return written.getvalue()


TASK = Task(
    "speak",
    "Read a text aloud: an audio file comes back",
    "speak",
    _steps,
    model="facebook/mms-tts-eng",
    own=(Option("voice", "Which voice, by its name or number, for models that have several", named=True),),
    shortcut="Read aloud",
)
