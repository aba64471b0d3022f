"""Models that administrators added, as values, and the protocol of their store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model that administrators added from the Hub, under a name, at one commit.

    `task` is the Hub's name of it, `size` that of the files in bytes. It was added in `workspace`, for every workspace.
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
    """The added models. Raises StoreError."""

    async def load(self) -> Sequence[AddedModel]:
        """Return all of them, in the order of their names."""

    async def add(self, model: AddedModel) -> None:
        """Store a model, in place of one with the same name."""

    async def remove(self, name: str) -> None:
        """Remove the model of this name."""
