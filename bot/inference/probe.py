"""`python -m bot.inference.probe BYTES DEVICE DTYPE QUANTISE`: what room a model has, and its numbers.

Said before anything is downloaded, as JSON, by a process of its own: torch stays out of the bot's.
"""

from __future__ import annotations

import json
import sys

from bot.inference import devices
from bot.inference.memory_limits import limit
from bot.inference.protocol import ModelSource


def main() -> None:
    """The device, its room in bytes, and how many a number takes; 0 for as many as in the file."""
    memory, device, dtype, quantise = sys.argv[1:]
    source = ModelSource("", device=device, dtype=dtype, quantise=quantise)  # type: ignore[arg-type]  # they stood in a table
    place = devices.device(source)
    numbers = devices.dtype(source, place)
    width = 1 if devices.int8(source, place) else 0 if isinstance(numbers, str) else numbers.itemsize
    sys.stdout.write(json.dumps({"size": limit(int(memory), place), "width": width}))


if __name__ == "__main__":
    main()
