"""`python -m bot.inference.probe BYTES DEVICE DTYPE QUANTISE`: write the memory for a model as JSON.

The Hub's client runs this before a download. It is a process of its own, because the bot's never imports torch.
"""

from __future__ import annotations

import json
import sys

from bot.inference import devices
from bot.inference.memory_limits import limit
from bot.inference.protocol import ModelSource


def main() -> None:
    """Write the bytes for models on the device, and the bytes of a number; 0 means those of the file."""
    memory, device, dtype, quantise = sys.argv[1:]
    source = ModelSource("", device=device, dtype=dtype, quantise=quantise)  # type: ignore[arg-type]  # from a valid table
    chosen = devices.device(source)
    number = devices.dtype(source, chosen)
    width = 1 if devices.int8(source, chosen) else 0 if isinstance(number, str) else number.itemsize
    sys.stdout.write(json.dumps({"size": limit(int(memory), chosen), "width": width}))


if __name__ == "__main__":
    main()
