"""The models' process with a scripted engine in place of torch: `python -m tests.fakes.inference FOLDER`.

Everything but bot/inference/engine.py is the real thing. The last word of the last message says what the engine does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import ModuleType

from bot.inference.__main__ import main
from bot.inference.failures import Failure
from bot.inference.protocol import FinishReason, Generate, Load

Tell = Callable[[str], None]


class Model:
    context = 100

    def count(self, messages: list[list[str]]) -> int:
        return sum(len(text.split()) for _, text in messages)

    def answer(self, ask: Generate, stop: Event, write: Tell) -> tuple[FinishReason, int, int]:
        wanted = ask.messages[-1][1].split()[-1]
        match wanted:
            case "forever":
                write("and so ")
                stop.wait()
                return "stopped", 3, 2
            case "environment":
                write(json.dumps(dict(os.environ)))
            case "crash":
                write("half of ")
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash-at-once":
                os.kill(os.getpid(), signal.SIGKILL)
            case "memory":
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
            case "memory-later":
                write("half of ")
                raise MemoryError
            case "noise":
                print('{"type":"Finished"}')
                os.write(1, b"noise")
                write(f"typed {sys.stdin.read()!r}")
            case _:
                write(wanted)
        return "complete", 3, 1


def load(ask: Load, cache: Path, tell: Tell) -> Model:
    tell("Loading the model")
    if not Path(ask.source).is_dir():
        raise Failure("no-such-model", "There is no such model.")
    return Model()


if __name__ == "__main__":
    engine = ModuleType("bot.inference.engine")
    engine.load = load  # type: ignore[attr-defined]  # stands in for the real module
    sys.modules[engine.__name__] = engine
    main()
