"""speak: a text read aloud, as a file."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence

from bot.cutting import cut
from bot.errors import UserError
from bot.inference.kinds import Speak
from bot.magic import sound_ending
from bot.steps import apart, ask
from bot.task import Given, Steps, Task
from bot.types import File, Option, Status

LONGEST = 4_000
"""Characters: about five minutes."""

ROOM = 120
"""Tokens of one breath; models that speak lose their way in longer texts."""

PAUSE = 0.25
"""Seconds between two pieces."""


def _steps(given: Given) -> Steps[None]:
    if len(given.text) > LONGEST:
        raise UserError(f"That is too long to be read aloud: {len(given.text):,} characters, and I read {LONGEST:,}.")
    sounds, pieces = [], cut(given.text, min(given.room, ROOM))
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
