"""The workspaces that the bot serves: those it is connected with, and those of which it keeps something."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

Workspace: TypeAlias = tuple[str, str]
"""A platform and the id of a workspace there."""


class Workspaces:
    """Known in memory; what the store knows is met at the start."""

    def __init__(self, known: Collection[Workspace] = ()) -> None:
        self._known = set(known)

    @property
    def several(self) -> bool:
        """True where there is more than one, each with administrators of its own."""
        return len(self._known) > 1

    def met(self, platform: str, workspaces: Collection[str]) -> None:
        """Take notice that the bot is in these."""
        self._known.update((platform, workspace) for workspace in workspaces)

    def left(self, platform: str, workspace: str) -> None:
        """Take notice that the bot is not in this one any more."""
        self._known.discard((platform, workspace))
