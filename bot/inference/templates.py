"""A model's own format of a conversation, by its makers' template: run in a sandbox, with limits of time and size."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from bot.inference.errors import InferenceError

Turns: TypeAlias = Sequence[tuple[str, str]]

LIMIT_SECONDS = 2.0
"""An honest template takes milliseconds."""

LONGEST = 16_000_000
"""Characters of a prompt, and of what a template repeats."""

_PROBE = {
    "type": "function",
    "function": {
        "name": "shoulders_probe",
        "description": "Looks whether the template tells of tools.",
        "parameters": {"type": "object", "properties": {"x": {"type": "string", "description": "Anything."}}},
    },
}


class Templated(Protocol):
    """What is used of a transformers tokenizer."""

    chat_template: str | None

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, str]],
        *,
        tools: Sequence[Mapping[str, object]] | None,
        tokenize: bool,
        add_generation_prompt: bool,
    ) -> str:
        """The conversation as one text, rendered by transformers' sandbox."""


class _TooSlow(BaseException):
    """Raised inside a template that takes too long; nothing catches it there."""


def _repeat(environment: SandboxedEnvironment, _context: Context, operator: str, left: object, right: object) -> object:
    """Multiply or raise to a power, for the sandbox. Raises SecurityError where that would fill the memory."""
    match left, right:
        case (str() | list() | tuple()) as some, int(times):
            size = len(some) * times
        case int(times), (str() | list() | tuple()) as some:
            size = len(some) * times
        case int(base), int(power):
            size = base.bit_length() * power if operator == "**" else 0
        case _:
            size = 0
    if size > LONGEST:
        raise SecurityError("it makes something too large")
    made: object = environment.binop_table[operator](left, right)
    return made


ImmutableSandboxedEnvironment.intercepted_binops = frozenset({"*", "**"})
ImmutableSandboxedEnvironment.call_binop = _repeat  # type: ignore[method-assign, assignment]  # transformers makes its own sandbox


def render(tokenizer: Templated, turns: Turns) -> str:
    """The prompt for an answer to `turns`. Raises Failure."""
    turns = merged(turns)
    try:
        return _rendered(tokenizer, turns)
    except TemplateError as error:  # some templates know no system message: let the first user say it
        if turns[0][0] != "system":
            raise InferenceError("unsupported", f"The model's template refuses this conversation: {error}.") from error
        return _rendered(tokenizer, merged([("user", turns[0][1]), *turns[1:]]))


def tells_of_tools(tokenizer: Templated) -> bool:
    """Whether tools reach the prompt: many templates drop them without a word."""
    if not tokenizer.chat_template:
        return False
    try:
        return "shoulders_probe" in _rendered(tokenizer, [("user", "?")], [_PROBE])
    except (TemplateError, InferenceError):
        return False


def merged(messages: Turns) -> list[tuple[str, str]]:
    """Neighbours of one role become one message: many templates insist that roles alternate."""
    turns: list[tuple[str, str]] = []
    for role, text in messages:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    return turns


def _rendered(tokenizer: Templated, turns: Turns, tools: Sequence[Mapping[str, object]] | None = None) -> str:
    """In a thread of its own, which is ended when its time is over: at the template's next step, or left behind."""
    if not tokenizer.chat_template:
        raise InferenceError("unsupported", "This model has no chat template: it was not made for conversations.")
    messages = [{"role": role, "content": text} for role, text in turns]
    results: list[str | BaseException] = []

    def work() -> None:
        try:
            results.append(
                tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
            )
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    if not results:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooSlow))
        raise InferenceError(
            "unsupported", f"The model's chat template did not end within {LIMIT_SECONDS:.0f} seconds."
        )
    if isinstance(results[0], BaseException):
        raise results[0]
    if len(results[0]) > LONGEST:
        raise InferenceError(
            "unsupported", f"The model's chat template made a prompt of {len(results[0]):,} characters."
        )
    return results[0]
