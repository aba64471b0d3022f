"""Run every benchmark, or only those named, and print the table: `python -m benchmarks [NAME …]`."""

from __future__ import annotations

import asyncio
import pkgutil
import sys
from importlib import import_module

import benchmarks
from benchmarks.table import HEAD


def main(names: list[str]) -> None:
    print(HEAD)
    for name in names or [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]:
        module = import_module(f"benchmarks.{name}")
        if not hasattr(module, "measure"):
            continue
        for row in asyncio.run(module.measure()):
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
