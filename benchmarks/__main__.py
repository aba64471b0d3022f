"""Run every benchmark (or those named) and print the table."""

from __future__ import annotations

import asyncio
import pkgutil
import sys
from importlib import import_module

import benchmarks
from benchmarks.table import HEAD


def main(chosen: list[str]) -> None:
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__)]
    print(HEAD)
    for name in chosen or names:
        module = import_module(f"benchmarks.{name}")
        if not hasattr(module, "measure"):
            continue
        for row in asyncio.run(module.measure()):
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
