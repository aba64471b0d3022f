"""`python -m bot.inference FOLDER BYTES`: serve models over standard input and output.

FOLDER keeps the unpacked ones; BYTES is the memory that models may take, 0 for a share of what there is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from bot.inference.protocol import Cancel, Event, ListLoaded, Run, Unload, Warm, encode_event, read
from bot.inference.server import InferenceServer


def main() -> None:
    """Serve until the bot says so or is gone; answers that are being written end with the process."""
    asks, events = _take_over_streams()
    faulthandler.enable()
    _step_back()
    writing = threading.Lock()

    def send(event: Event) -> None:
        with writing:
            events.write(encode_event(event))
            events.flush()

    server = InferenceServer(Path(sys.argv[1]), int(sys.argv[2]), send)
    while isinstance(ask := read(asks), Run | Warm | Unload | ListLoaded | Cancel):
        server.handle(ask)
    os._exit(0)  # at once: threads that are deep in a computation are not waited for


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the bot, moved out of reach of any library that prints to standard output or asks on input."""
    asks = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return asks, events


def _step_back() -> None:
    """The bot's own process gets the processor first, and is ended last when memory runs out."""
    if hasattr(os, "nice"):
        os.nice(5)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main()
