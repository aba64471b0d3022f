"""How many tokens a text takes for a model behind OpenAI's API, and how many it can read. Never touches the network.

tiktoken downloads its data on first use, and behind a firewall it waits for that until it fails. So it is used only
where its data lies on disk already (TIKTOKEN_CACHE_DIR, or tiktoken's own cache folder), checked by its hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bot.interfaces.prompts import Prompt
from bot.utils.token_estimate import estimate

log = logging.getLogger(__name__)

WINDOWS: Mapping[str, int] = {
    "gpt-5": 400_000,
    "gpt-5-chat": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4.5": 128_000,
    "gpt-4o": 128_000,
    "chatgpt-4o": 128_000,
    "gpt-4-turbo": 128_000,
    "gpt-4-32k": 32_768,
    "gpt-4": 8_192,
    "gpt-3.5-turbo": 16_385,
    "gpt-oss": 131_072,
    "o1": 200_000,
    "o1-mini": 128_000,
    "o3": 200_000,
    "o4-mini": 200_000,
}
"""Tokens by the beginning of a model's name; the longest that fits counts."""

UNKNOWN_WINDOW = 8_192
"""What nearly every model can read."""

DATA: Mapping[str, tuple[str, str]] = {
    "cl100k_base": ("cl100k_base", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "o200k_base": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "o200k_harmony": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
}
"""An encoding's file on OpenAI's server, and its SHA-256, as tiktoken expects it."""

PER_MESSAGE = 8
"""Tokens around each message: OpenAI's format takes 4, Llama's 6."""

PER_IMAGE = 1_600
"""Tokens of a picture: what OpenAI's large models count for a big one; its small ones count several times as many."""

SHORT = 5_000
"""Characters that are counted in less time than a thread takes to begin."""


class Encoding(Protocol):
    """What is used of a tiktoken.Encoding."""

    def encode_ordinary(self, text: str) -> list[int]:
        """The text's tokens, special ones read as ordinary text."""


def family(model: str) -> str:
    """A model's name without its provider ("openai/gpt-4o") and without the mark of fine-tuning ("ft:gpt-4o:…")."""
    return model.rpartition("/")[2].removeprefix("ft:")


def window(model: str) -> int:
    """The model's window in tokens, as far as its name tells."""
    name = family(model)
    known = max((prefix for prefix in WINDOWS if name.startswith(prefix)), key=len, default="")
    return WINDOWS.get(known, UNKNOWN_WINDOW)


class TokenCounter:
    """Counts prompts for one model: exactly where tiktoken's data is at hand, else by `estimate`."""

    def __init__(self, model: str) -> None:
        self._model = family(model)
        self._encoding: Encoding | None = None
        self._looked = False

    async def count(self, prompt: Prompt) -> int:
        """Tokens of a prompt, never fewer than it has."""
        if self._looked and sum(len(utterance.text) for utterance in prompt) < SHORT:
            return self._count(prompt)
        return await asyncio.to_thread(self._count, prompt)

    def _count(self, prompt: Prompt) -> int:
        if not self._looked:
            self._encoding = find_encoding(self._model)
            self._looked = True
        encoding = self._encoding
        texts = (len(encoding.encode_ordinary(u.text)) if encoding else estimate(u.text) for u in prompt)
        images = sum(len(utterance.images) for utterance in prompt)
        return PER_MESSAGE * (len(prompt) + 1) + PER_IMAGE * images + sum(texts)


def find_encoding(model: str) -> Encoding | None:
    """The model's tokenizer, if it is known and its data is on disk unharmed; takes a second when it is."""
    import tiktoken  # where no model of OpenAI's is used nobody waits for it
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
        file, expected = DATA[name]
    except KeyError:
        return None
    url = f"https://openaipublic.blob.core.windows.net/encodings/{file}.tiktoken"
    path = cache_folder() / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        log.info("No tokenizer data for %s at %s: tokens are estimated", model, path)
        return None
    return tiktoken.get_encoding(name)


def cache_folder() -> Path:
    """Where tiktoken keeps its data; where it is told to keep none, a folder that cannot be."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    return Path(tempfile.gettempdir(), "data-gym-cache") if named is None else Path(named or os.devnull)
