"""What is said to a model and what its stream says, in the format of chat completions. Knows no SDK."""

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

Said: TypeAlias = Text | Thought

LONGEST_LINE = 1 << 20


def messages_of(prompt: Prompt) -> Sequence[Mapping[str, object]]:
    """A prompt as the API takes it; with pictures this takes a while."""
    return [{"role": utterance.role, "content": _content(utterance)} for utterance in prompt]


def _content(utterance: Utterance) -> str | Sequence[Mapping[str, object]]:
    if not utterance.images:
        return utterance.text
    urls = (f"data:{image.media_type};base64,{b64encode(image.content).decode()}" for image in utterance.images)
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"type": "text", "text": utterance.text}, *pictures]


def usage_of(said: Mapping[str, object]) -> Usage:
    """Read what a call took from what its server states; some servers count the thinking in the total only."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    prompt, completion, total = (tokens(said.get(name)) for name in names)
    return Usage(prompt, max(completion, total - prompt) if prompt else completion)


class CompletionParser:
    """Reads a stream of chat completions from bytes, cut anywhere.

    `began` is True once the model said or thought anything; `finish` is its finish_reason, "" until the end; `done` is
    True after [DONE]. `failure` is what the stream itself reported, or was unreadable by.
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
        self._said: list[Said] = []

    def feed(self, data: bytes) -> Sequence[Said]:
        """Take bytes as they came; what they complete. What came before a failure is still said."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            self.failure = RequestFailedError(GARBLED)
        for line in lines:
            if line.startswith(b"data:") and not self.failure:
                self._take(line[5:].strip())
        return self._all_said()

    def end(self) -> Sequence[Said]:
        """What was held back, as it might have been the beginning of a tag."""
        if self._tags is not None:
            self._say_parts(self._tags.end())
        return self._all_said()

    def _all_said(self) -> Sequence[Said]:
        self._turn_to(self._kind)
        said, self._said = self._said, []
        return said

    def _turn_to(self, kind: type[Text] | type[Thought]) -> None:
        if self._pieces:
            self._said.append(self._kind("".join(self._pieces)))
            self._pieces.clear()
        self._kind = kind

    def _say(self, piece: str, kind: type[Text] | type[Thought]) -> None:
        if not piece:
            return
        if kind is not self._kind:
            self._turn_to(kind)
        self._pieces.append(piece)

    def _say_text(self, piece: str) -> None:
        """Text, which may be thinking between tags for as long as it has not begun to be the answer."""
        if self._tags is None:
            self._say(piece, Text)
            return
        self._say_parts(self._tags.feed(piece))
        if self._tags.over:
            self._tags = None

    def _say_parts(self, parts: Sequence[tuple[bool, str]]) -> None:
        for thought, part in parts:
            self._say(part, Thought if thought else Text)

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
                self._pieces.append(piece)  # nearly every token of an answer comes by here
            else:
                self._take_delta(delta)
        if reason := choice.get("finish_reason"):
            self.finish = str(reason)

    def _take_delta(self, delta: Mapping[str, object]) -> None:
        """What a reasoning model thinks, in a field of its own, and a delta's words."""
        self.began = self.began or any(value for name, value in delta.items() if name != "role")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            self._say(thought, Thought)
        piece = delta.get("content") or delta.get("refusal")
        if isinstance(piece, list):
            self._take_parts(piece)
        elif isinstance(piece, str):
            self._say_text(piece)
        self._answering = self._tags is None and self._kind is Text

    def _take_parts(self, parts: Sequence[Mapping[str, object]]) -> None:
        """Content in parts, as Mistral's reasoning models send it: a thought is a list of texts."""
        for part in parts:
            match part:
                case {"type": "thinking", "thinking": list(thoughts)}:
                    self._say("".join(thought["text"] for thought in thoughts), Thought)
                case {"type": "text", "text": str(text)}:
                    self._say_text(text)
                case _:
                    pass

    def _take_error(self, error: object) -> None:
        fields = error if isinstance(error, dict) else {"message": error}
        message = str(fields.get("message", ""))
        failure = failure_of((fields.get("code"), fields.get("type")), message, TROUBLE)
        self.failure = RequestFailedError(failure, message)
