"""Run every benchmark, or only those named, and print the table: `python -m benchmarks [NAME …]`."""

from __future__ import annotations

import asyncio
import pkgutil
import sys
from importlib import import_module

import benchmarks
from benchmarks.table import HEAD

NAMES = [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.name.startswith("_")]
"""The modules of this folder; those with a function `measure` are benchmarks."""


def main(names: list[str]) -> None:
    modules = {name: import_module(f"benchmarks.{name}") for name in names or NAMES if name in NAMES}
    measured = {name: module for name, module in modules.items() if hasattr(module, "measure")}
    if unknown := [name for name in names if name not in measured]:
        sys.exit(f"There is no benchmark {unknown[0]}. Use: python -m benchmarks [{' '.join(_benchmarks())}]")
    print(HEAD)
    for module in measured.values():
        for row in asyncio.run(module.measure()):
            print(row, flush=True)


def _benchmarks() -> list[str]:
    return [name for name in NAMES if hasattr(import_module(f"benchmarks.{name}"), "measure")]


if __name__ == "__main__":
    main(sys.argv[1:])
