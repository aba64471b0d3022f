"""Presets for servers with OpenAI's API: addresses, keys, supported fields, and the form of their reasoning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.interfaces.prompts import Ability

NEW_LIMIT, OLD_LIMIT = "max_completion_tokens", "max_tokens"

STAND_IN = "a test server"
"""The server under tests/, which refuses the same fields as a preset's own server; for `tested`."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of server. With `base_url` "" the operator must set it; with `key_env` "" no key is sent.

    `limits` are the possible names of the field for the longest answer, in the order of attempts. `says_usage`: the
    server accepts stream_options; others report usage without them. `says_usage_along`: it can report usage with every
    piece. `thinking` describes, for the documentation, the form of its models' reasoning; the parser understands every
    form from every server. `hides`: it may have models with hidden reasoning. `tested` names the server that the tests
    ran against.
    """

    title: str
    base_url: str
    key_env: str
    limits: tuple[str, ...] = (OLD_LIMIT, NEW_LIMIT)
    says_usage: bool = True
    says_usage_along: bool = False
    thinking: str = "`reasoning_content`"
    hides: bool = True
    can: tuple[Ability, ...] = ("chat",)
    tested: str = STAND_IN

    @property
    def host(self) -> str:
        """Return the preset's host; "" for a kind of server whose users each have their own."""
        return urlsplit(self.base_url).netloc


ALL: tuple[Ability, ...] = ("chat", "embed", "transcribe", "speak", "paint")
"""Every ability that OpenAI's API has."""

PRESETS: Mapping[str, Preset] = {
    "openai": Preset(
        "OpenAI",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        limits=(NEW_LIMIT, OLD_LIMIT),
        thinking="none",
        can=ALL,
    ),
    "azure": Preset(
        "Azure OpenAI",
        "",
        "AZURE_OPENAI_API_KEY",
        limits=(NEW_LIMIT, OLD_LIMIT),
        thinking="none",
        can=ALL,
    ),
    "gemini": Preset(
        "Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        thinking="`<thought>` in the text, if `extra` requests it",
        can=("chat", "embed", "paint"),
    ),
    "mistral": Preset(
        "Mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        limits=(OLD_LIMIT,),
        says_usage=False,
        thinking="parts of the content, or `[THINK]` in the text",
        can=("chat", "embed", "transcribe"),
    ),
    "groq": Preset(
        "Groq",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        limits=(NEW_LIMIT, OLD_LIMIT),
        thinking="`reasoning`, or `<think>` in the text",
        can=("chat", "transcribe", "speak"),
    ),
    "openrouter": Preset(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        thinking="`reasoning`",
        can=("chat", "embed"),
    ),
    "vllm": Preset(
        "vLLM",
        "http://localhost:8000/v1",
        "",
        thinking="`reasoning`, in older versions `reasoning_content`, without a reasoning parser `<think>` in the text",
        can=("chat", "embed", "transcribe"),
        hides=False,
        says_usage_along=True,
    ),
    "ollama": Preset(
        "Ollama",
        "http://localhost:11434/v1",
        "",
        limits=(OLD_LIMIT,),
        thinking="`reasoning`",
        can=("chat", "embed"),
        hides=False,
    ),
    "lmstudio": Preset(
        "LM Studio",
        "http://localhost:1234/v1",
        "",
        limits=(OLD_LIMIT,),
        thinking="`reasoning_content`, or `<think>` in the text, by its settings",
        can=("chat", "embed"),
        hides=False,
    ),
    "llamacpp": Preset(
        "llama.cpp's server",
        "http://localhost:8080/v1",
        "",
        thinking="`reasoning_content`, or `<think>` in the text, by its `--reasoning-format`",
        can=("chat", "embed"),
        hides=False,
    ),
    "tgi": Preset(
        "TGI",
        "http://localhost:3000/v1",
        "",
        limits=(OLD_LIMIT,),
        thinking="`<think>` in the text",
        hides=False,
    ),
    "transformers": Preset(
        "`transformers serve`",
        "http://localhost:8000/v1",
        "",
        limits=(NEW_LIMIT, OLD_LIMIT),
        says_usage=False,
        can=("chat", "transcribe"),
        tested="`transformers serve` 5.23 with SmolLM2: chat",
        hides=False,
    ),
}
"""Presets by the value of `preset` in a model's table."""

UNKNOWN = Preset("", "", "")
"""The preset of a server that matches no other."""


def preset_for(name: str, base_url: str) -> Preset:
    """Return the preset with that name or, without a name, the hosted one at that URL; UNKNOWN without a match."""
    if name:
        return PRESETS[name]
    host = urlsplit(base_url).netloc
    hosted = (preset for preset in PRESETS.values() if preset.host == host and preset.key_env)
    return next(hosted, UNKNOWN)
