"""Who does a task where the request does not say: what the entries of the setting `tasks` mean.

An entry is `auto`, `local` or `chat` for all tasks; for one of them it is `TASK=`, and then one of these or a model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

from bot.interfaces.errors import Unknown, UserError

TaskPreference = Literal["auto", "local", "chat"]
"""By a model that is made for it, by one that converses, or by the former where there is one."""

WAYS: tuple[TaskPreference, ...] = get_args(TaskPreference)


def preference_for(entries: Sequence[str], task: str) -> str:
    """The way or the model for a task; an entry that names the task counts before one for all."""
    said = dict(map(_parts, entries))
    return said.get(task) or said.get("", "auto")


def check_preferences(entries: Sequence[str], tasks: Collection[str], models: Collection[str]) -> None:
    """Raises UserError for an entry that says nothing of tasks or of these models."""
    for entry in entries:
        task, how = _parts(entry)
        if task and task not in tasks:
            raise UserError(f"There is no task “{task[:60]}”. There are: {', '.join(tasks)}.")
        if how not in WAYS and not (task and how in models):
            one = task or "summarise"
            raise Unknown(
                f"“{entry[:60]}” does not say who does tasks. Write local, chat or auto for all of them, or for one "
                f"{one}=local, {one}=chat or {one}=MODEL. Models: {', '.join(models)}."
            )


def preference_values(tasks: Collection[str], models: Collection[str]) -> list[str]:
    """Every entry that there can be."""
    return [*WAYS, *(f"{task}={how}" for task in tasks for how in ("local", "chat", *models))]


def _parts(entry: str) -> tuple[str, str]:
    task, _, how = entry.rpartition("=")
    return task.strip().removeprefix("/"), how.strip()
