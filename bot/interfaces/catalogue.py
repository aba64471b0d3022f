"""Models that administrators added, as values, and the protocol of their store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model that administrators added from the Hub, under a name, at one commit.

    `task` is in the Hub's words, `size` that of its files in bytes. It was added in `workspace` and is for all.
    """

    name: str
    model: str
    revision: str
    task: str
    licence: str
    size: int
    platform: str
    workspace: str


class CatalogueStore(Protocol):
    """Where added models are kept. Raises StoreError."""

    async def load(self) -> Sequence[AddedModel]:
        """All of them."""

    async def add(self, model: AddedModel) -> None:
        """Keep a model, in place of one of its name."""

    async def remove(self, name: str) -> None:
        """Forget a model."""
