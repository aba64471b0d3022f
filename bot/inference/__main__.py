"""`python -m bot.inference FOLDER BYTES`: serve models over standard input and output.

FOLDER holds the unpacked models. BYTES limits the memory of all models; 0 is a share of the machine's.
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
    """Serve until the request Shutdown or the end of input, then exit at once, also in the middle of an answer."""
    requests, events = _take_over_streams()
    faulthandler.enable()
    _lower_priority()
    lock = threading.Lock()

    def send(event: Event) -> None:
        with lock:
            events.write(encode_event(event))
            events.flush()

    server = InferenceServer(Path(sys.argv[1]), int(sys.argv[2]), send)
    while isinstance(request := read(requests), Run | Warm | Unload | ListLoaded | Cancel):
        server.handle(request)
    os._exit(0)  # without waiting for threads: one may be deep in a computation


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the bot, after redirecting standard input and output.

    A library that prints or asks a question would corrupt the messages otherwise.
    """
    requests = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, events


def _lower_priority() -> None:
    """Let the bot's own process have the processor first, and survive this one when memory runs out."""
    if hasattr(os, "nice"):
        os.nice(5)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main()
