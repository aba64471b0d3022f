"""Token counts and windows of models behind OpenAI's API, found without the network.

tiktoken downloads its data at the first use, and behind a firewall it blocks until that fails. So it is used only if
its data is on disk already (TIKTOKEN_CACHE_DIR, or tiktoken's own cache folder) and has the right hash.
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
"""Windows in tokens by the beginning of a model's name; the longest match counts."""

UNKNOWN_WINDOW = 8_192
"""Window in tokens that nearly every model has."""

DATA: Mapping[str, tuple[str, str]] = {
    "cl100k_base": ("cl100k_base", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "o200k_base": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "o200k_harmony": ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
}
"""The file of each encoding on OpenAI's server, and the SHA-256 that tiktoken expects."""

PER_MESSAGE = 8
"""Tokens around each message, an upper bound: OpenAI's format has 4, Llama's 6."""

PER_IMAGE = 1_600
"""Tokens of a large picture in OpenAI's large models; its small models count several times as many."""

SHORT = 5_000
"""Characters that are counted faster than a thread starts."""


class Encoding(Protocol):
    """The used part of a tiktoken.Encoding."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the text's tokens; special tokens in it count as ordinary text."""


def family(model: str) -> str:
    """Return a model's name without its provider ("openai/gpt-4o") and the mark of fine-tuning ("ft:gpt-4o:…")."""
    return model.rpartition("/")[2].removeprefix("ft:")


def window(model: str) -> int:
    """Return the window of the model's family in tokens; UNKNOWN_WINDOW for an unknown family."""
    name = family(model)
    known = max((prefix for prefix in WINDOWS if name.startswith(prefix)), key=len, default="")
    return WINDOWS.get(known, UNKNOWN_WINDOW)


class TokenCounter:
    """Counter of one model's prompts: exact if tiktoken's data is on disk, else by `estimate`."""

    def __init__(self, model: str) -> None:
        self._model = family(model)
        self._encoding: Encoding | None = None
        self._ready = False

    async def count(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt, never fewer than it has."""
        if self._ready and sum(len(utterance.text) for utterance in prompt) < SHORT:
            return self._count(prompt)
        return await asyncio.to_thread(self._count, prompt)

    def _count(self, prompt: Prompt) -> int:
        if not self._ready:
            self._encoding = find_encoding(self._model)
            self._ready = True
        encoding = self._encoding
        texts = (len(encoding.encode_ordinary(u.text)) if encoding else estimate(u.text) for u in prompt)
        images = sum(len(utterance.images) for utterance in prompt)
        return PER_MESSAGE * (len(prompt) + 1) + PER_IMAGE * images + sum(texts)


def find_encoding(model: str) -> Encoding | None:
    """Return the model's tokenizer; None if it is unknown or its data is missing or damaged. Takes up to a second."""
    import tiktoken  # only now: a bot without a model of OpenAI's must not wait for it
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
        file, expected = DATA[name]
    except KeyError:
        return None
    url = f"https://openaipublic.blob.core.windows.net/encodings/{file}.tiktoken"
    path = cache_folder() / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        log.info("No valid tokenizer data for %s at %s: tokens are estimated", model, path)
        return None
    return tiktoken.get_encoding(name)


def cache_folder() -> Path:
    """Return tiktoken's cache folder; with an empty variable, which turns the cache off, a path without files."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    return Path(tempfile.gettempdir(), "data-gym-cache") if folder is None else Path(folder or os.devnull)
