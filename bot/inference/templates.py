"""Chat templates: a model's own format of conversations, rendered in a sandbox with limits of time and size."""

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
"""Longest time for a template. Real ones take milliseconds; a hostile one may never end."""

LONGEST = 16_000_000
"""Most characters of a prompt, and most items of a product within a template."""

_PROBE = {
    "type": "function",
    "function": {
        "name": "shoulders_probe",
        "description": "Tests if the template includes tools.",
        "parameters": {"type": "object", "properties": {"x": {"type": "string", "description": "Anything."}}},
    },
}


class Templated(Protocol):
    """The used part of a transformers tokenizer."""

    chat_template: str | None

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, str]],
        *,
        tools: Sequence[Mapping[str, object]] | None,
        tokenize: bool,
        add_generation_prompt: bool,
    ) -> str:
        """Return the conversation as one text, rendered by transformers' sandbox."""


class _TooSlow(BaseException):
    """Raised inside a template that takes too long. It is a BaseException so that nothing there catches it."""


def _multiply(
    environment: SandboxedEnvironment, _context: Context, operator: str, left: object, right: object
) -> object:
    """Multiply or raise to a power, for the sandbox. Raises SecurityError for a result that would fill the memory."""
    match left, right:
        case (str() | list() | tuple()) as items, int(times):
            size = len(items) * times
        case int(times), (str() | list() | tuple()) as items:
            size = len(items) * times
        case int(base), int(power):
            size = base.bit_length() * power if operator == "**" else 0
        case _:
            size = 0
    if size > LONGEST:
        raise SecurityError("a product in it is too large")
    result: object = environment.binop_table[operator](left, right)
    return result


# transformers creates its sandbox itself and offers no way to configure it, so the class is changed
ImmutableSandboxedEnvironment.intercepted_binops = frozenset({"*", "**"})
ImmutableSandboxedEnvironment.call_binop = _multiply  # type: ignore[method-assign, assignment]  # see above


def render(tokenizer: Templated, turns: Turns) -> str:
    """Return the prompt for an answer to `turns`, pairs of role and text. Raises InferenceError."""
    turns = merged(turns)
    try:
        return _render(tokenizer, turns)
    except TemplateError as error:  # some templates refuse system messages: send it as the first user's message
        if turns[0][0] != "system":
            raise InferenceError("unsupported", f"The model's template refuses this conversation: {error}.") from error
        return _render(tokenizer, merged([("user", turns[0][1]), *turns[1:]]))


def supports_tools(tokenizer: Templated) -> bool:
    """Return True if the template writes tools into the prompt: many templates ignore them silently."""
    if not tokenizer.chat_template:
        return False
    try:
        return "shoulders_probe" in _render(tokenizer, [("user", "?")], [_PROBE])
    except (TemplateError, InferenceError):
        return False


def merged(messages: Turns) -> list[tuple[str, str]]:
    """Merge neighbouring messages of one role: many templates require that roles alternate."""
    turns: list[tuple[str, str]] = []
    for role, text in messages:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    return turns


def _render(tokenizer: Templated, turns: Turns, tools: Sequence[Mapping[str, object]] | None = None) -> str:
    """Render in a thread of its own. Raises InferenceError after LIMIT_SECONDS.

    An exception then ends the thread at the template's next step; a thread inside a C function runs on until it ends.
    """
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
            "unsupported", f"The model's chat template returned a prompt of {len(results[0]):,} characters."
        )
    return results[0]
