"""The format of chat completions: prompts as messages, and a parser of the answer's stream. Needs no SDK."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

from bot.backends.openai.errors import GARBLED, TROUBLE, RequestFailedError, failure_of
from bot.backends.openai.think_tags import ThinkTagParser
from bot.interfaces.prompts import Prompt, Utterance
from bot.interfaces.replies import Text, Thought, Usage
from bot.utils.token_estimate import tokens

ParsedText: TypeAlias = Text | Thought

LONGEST_LINE = 1 << 20
"""Most bytes of an unfinished line; a server that sends more would fill the memory."""


def messages_of(prompt: Prompt) -> Sequence[Mapping[str, object]]:
    """Return a prompt in the API's format. With pictures this is slow: call it in a thread."""
    return [{"role": utterance.role, "content": _content(utterance)} for utterance in prompt]


def _content(utterance: Utterance) -> str | Sequence[Mapping[str, object]]:
    if not utterance.images:
        return utterance.text
    urls = (f"data:{image.media_type};base64,{b64encode(image.content).decode()}" for image in utterance.images)
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"type": "text", "text": utterance.text}, *pictures]


def usage_of(report: Mapping[str, object]) -> Usage:
    """Return the usage that a server reports; some servers count the reasoning only in the total."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    prompt, completion, total = (tokens(report.get(name)) for name in names)
    return Usage(prompt, max(completion, total - prompt) if prompt else completion)


class CompletionParser:
    """Parser of a stream of chat completions, which arrives in chunks of bytes that end anywhere.

    `began` is True once the model has written text or reasoning. `finish` is its finish_reason, "" until the end.
    `done` is True after [DONE]. `failure` is an error that the stream reported, or GARBLED.
    """

    def __init__(self, *, thinks_first: bool = False) -> None:
        self.began = False
        self.done = False
        self.finish = ""
        self.usage = Usage()
        self.failure: RequestFailedError | None = None
        self._rest = b""
        self._answering = False
        self._tags: ThinkTagParser | None = ThinkTagParser(inside=thinks_first)
        self._kind: type[Text] | type[Thought] = Text
        self._pieces: list[str] = []
        self._complete: list[ParsedText] = []

    def feed(self, data: bytes) -> Sequence[ParsedText]:
        """Parse more bytes and return the text and reasoning that they complete, also before a failure."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            self.failure = RequestFailedError(GARBLED)
        for line in lines:
            if line.startswith(b"data:") and not self.failure:
                self._take(line[5:].strip())
        return self._flush()

    def end(self) -> Sequence[ParsedText]:
        """Return the text that was held back as a possible beginning of a tag."""
        if self._tags is not None:
            self._add_parts(self._tags.end())
        return self._flush()

    def _flush(self) -> Sequence[ParsedText]:
        self._switch_to(self._kind)
        complete, self._complete = self._complete, []
        return complete

    def _switch_to(self, kind: type[Text] | type[Thought]) -> None:
        if self._pieces:
            self._complete.append(self._kind("".join(self._pieces)))
            self._pieces.clear()
        self._kind = kind

    def _add(self, piece: str, kind: type[Text] | type[Thought]) -> None:
        if not piece:
            return
        if kind is not self._kind:
            self._switch_to(kind)
        self._pieces.append(piece)

    def _add_text(self, piece: str) -> None:
        """Add text, which may be reasoning between tags until the answer itself has begun."""
        if self._tags is None:
            self._add(piece, Text)
            return
        self._add_parts(self._tags.feed(piece))
        if self._tags.over:
            self._tags = None

    def _add_parts(self, parts: Sequence[tuple[bool, str]]) -> None:
        for is_thought, part in parts:
            self._add(part, Thought if is_thought else Text)

    def _take(self, payload: bytes) -> None:
        if payload == b"[DONE]":
            self.done = True
            return
        try:
            content = orjson.loads(payload)
            if "error" in content:
                self._take_error(content["error"])
                return
            for choice in content.get("choices") or ():
                self._take_choice(choice)
            if isinstance(usage := content.get("usage"), dict):
                self.usage = usage_of(usage)
        except (orjson.JSONDecodeError, AttributeError, LookupError, TypeError):
            self.failure = RequestFailedError(GARBLED)

    def _take_choice(self, choice: Mapping[str, object]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict) and delta:
            piece = delta.get("content")
            if self._answering and len(delta) == 1 and isinstance(piece, str):
                self._pieces.append(piece)  # the fast path, for nearly every token of an answer
            else:
                self._take_delta(delta)
        if reason := choice.get("finish_reason"):
            self.finish = str(reason)

    def _take_delta(self, delta: Mapping[str, object]) -> None:
        """Add a delta's reasoning, which has a field of its own, and its text."""
        self.began = self.began or any(value for name, value in delta.items() if name != "role")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            self._add(thought, Thought)
        piece = delta.get("content") or delta.get("refusal")
        if isinstance(piece, list):
            self._take_parts(piece)
        elif isinstance(piece, str):
            self._add_text(piece)
        self._answering = self._tags is None and self._kind is Text

    def _take_parts(self, parts: Sequence[Mapping[str, object]]) -> None:
        """Add content in parts, the format of Mistral's reasoning models: reasoning is a list of texts."""
        for part in parts:
            match part:
                case {"type": "thinking", "thinking": list(thoughts)}:
                    self._add("".join(thought["text"] for thought in thoughts), Thought)
                case {"type": "text", "text": str(text)}:
                    self._add_text(text)
                case _:
                    pass

    def _take_error(self, error: object) -> None:
        fields = error if isinstance(error, dict) else {"message": error}
        message = str(fields.get("message", ""))
        failure = failure_of((fields.get("code"), fields.get("type")), message, TROUBLE)
        self.failure = RequestFailedError(failure, message)
