"""The registry of tasks."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

import bot.tasks
from bot.tasks.engine.task import Task


@cache
def load_tasks() -> Mapping[str, Task]:
    """Return every task under bot/tasks/, by name."""
    modules = (import_module(f"bot.tasks.{found.name}") for found in pkgutil.iter_modules(bot.tasks.__path__))
    return {module.TASK.name: module.TASK for module in modules if hasattr(module, "TASK")}
