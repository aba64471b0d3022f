"""One request and its answer for each task, with tests/fakes/pretrained.py as the model."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from bot.interfaces.messages import Attachment

NOTES = "Ann said: The launch is on Tuesday. Bring good cake."


def picture() -> bytes:
    """Return a small white image."""
    written = io.BytesIO()
    Image.new("RGB", (80, 60), "white").save(written, "PNG")
    return written.getvalue()


UPLOADS = {"notes.txt": NOTES.encode(), "cat.png": picture(), "voice.ogg": b"hello from the sea", "plan.pdf": b"%PDF"}
"""The content of the attached files."""

CAT, VOICE = Attachment("cat.png", "image/png"), Attachment("voice.ogg", "audio/ogg")


@dataclass(frozen=True)
class Example:
    """A request's arguments and words of its answer; `file` is the name of the file in the answer."""

    arguments: Mapping[str, str] = field(default_factory=dict)
    shows: tuple[str, ...] = ()
    attachment: Attachment | None = None
    file: str = ""


EXAMPLES: Mapping[str, Example] = {
    "summarise": Example({"text": NOTES}, ("Ann",)),
    "translate": Example({"text": "Hello world.\n\nBye.", "to": "German"}, ("Hello→de", "Bye.→de")),
    "sentiment": Example({"text": "I love this great thing"}, ("POSITIVE  ████████████░░░░  75.0 %", "NEGATIVE")),
    "classify": Example({"text": "a question", "labels": "praise, question"}, ("question  █", "90.0 %", "praise")),
    "answer": Example({"question": "When is Tuesday?", "text": NOTES}, ("**Tuesday** (80%)", "> Ann said: The")),
    "entities": Example({"text": "Ann met Ben"}, ("name  kind", "Ann   person", "99%")),
    "fill": Example({"text": "Paris is the ___ of France"}, ("Paris is the capital of France", "70.0 %", "heart")),
    "complete": Example({"text": "Once upon a time"}, ("Once upon a timeand so on",)),
    "rewrite": Example({"how": "Politely", "text": "Go away."}, ("Politely:",)),
    "similar": Example({"one": "abc", "text": "cab"}, ("cab  ████████████████  100.0 %",)),
    "tokens": Example({"text": "one two"}, ("2 tokens, 2.0% of the 100", "one| two")),
    "transcribe": Example({"timestamps": "yes"}, ("`0:00` hello from the sea", "`1:02` the end"), VOICE),
    "speak": Example({"text": "Hello there."}, (), None, "speech.wav"),
    "paint": Example({"text": "a cat on a mat"}, (), None, "picture.png"),
    "describe": Example({}, ("a cat on a mat",), CAT),
    "classify-image": Example({}, ("cat  █████████████░░░  80.0 %",), CAT),
    "detect": Example({"surety": "40"}, ("object  count  surety", "cat"), CAT, "boxes.png"),
    "run": Example({"model": "made", "kind": "tag", "text": "Ann met Ben"}, ("name  kind", "Ann   person")),
    "ask-image": Example({"question": "what colour?"}, ("a cat, what colour?",), CAT),
}
