"""The workspaces that the bot serves: those that it is connected with, and those with data in the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

Workspace: TypeAlias = tuple[str, str]
"""A platform and the id of a workspace there."""


class Workspaces:
    """A set in memory; `known` has the workspaces with data at the start."""

    def __init__(self, known: Collection[Workspace] = ()) -> None:
        self._known = set(known)

    @property
    def several(self) -> bool:
        """Return whether there is more than one, each with administrators of its own."""
        return len(self._known) > 1

    def add(self, platform: str, workspaces: Collection[str]) -> None:
        """Add workspaces of a platform."""
        self._known.update((platform, workspace) for workspace in workspaces)

    def remove(self, platform: str, workspace: str) -> None:
        """Remove a workspace."""
        self._known.discard((platform, workspace))
