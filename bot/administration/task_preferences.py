"""The entries of the setting `tasks`: the models that run tasks where a request does not choose one.

An entry is `auto`, `local` or `chat` for all tasks, or `TASK=` and one of these or a model for one task.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

from bot.interfaces.errors import Unknown, UserError

TaskPreference = Literal["auto", "local", "chat"]
"""`local` is a model that is made for the task, `chat` a chat model, `auto` the former if there is one."""

PREFERENCES: tuple[TaskPreference, ...] = get_args(TaskPreference)


def preference_for(entries: Sequence[str], task: str) -> str:
    """Return the preference or the model for a task; an entry that names the task wins over one for all."""
    preferences = dict(map(_parts, entries))
    return preferences.get(task) or preferences.get("", "auto")


def check_preferences(entries: Sequence[str], tasks: Collection[str], models: Collection[str]) -> None:
    """Raise UserError for an entry that is not valid for these tasks and models."""
    for entry in entries:
        task, value = _parts(entry)
        if task and task not in tasks:
            raise UserError(f"There is no task “{task[:60]}”. Tasks: {', '.join(tasks)}.")
        if value not in PREFERENCES and not (task and value in models):
            example = task or "summarise"
            raise Unknown(
                f"“{entry[:60]}” is not a valid entry. Write local, chat or auto for all tasks, or for one task "
                f"{example}=local, {example}=chat or {example}=MODEL. Models: {', '.join(models)}."
            )


def preference_values(tasks: Collection[str], models: Collection[str]) -> list[str]:
    """Return every valid entry."""
    return [*PREFERENCES, *(f"{task}={value}" for task in tasks for value in ("local", "chat", *models))]


def _parts(entry: str) -> tuple[str, str]:
    task, _, value = entry.rpartition("=")
    return task.strip().removeprefix("/"), value.strip()
