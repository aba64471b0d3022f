"""The stages of scenarios: one for each platform, with its real adapter, a strict server and the whole core."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.stages.base import Stage


@cache
def stages() -> Mapping[str, type[Stage]]:
    """Return every stage in this folder, by its platform."""
    from tests.stages.base import Stage

    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    kinds = [kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)]
    return {kind.platform: kind for kind in kinds if issubclass(kind, Stage) and not inspect.isabstract(kind)}
