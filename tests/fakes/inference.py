"""The models' process with a scripted engine in place of torch: `python -m tests.fakes.inference FOLDER BYTES`.

It replaces only bot/inference/loader.py. The last word of the last message chooses the engine's behaviour. A file
`bytes` in a model's folder holds the model's size.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from bot.inference import __main__ as real
from bot.inference.errors import InferenceError
from bot.inference.protocol import LONGEST_LINE, MOST_BYTES, ModelSource, Ready
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Count, Counted, Job, JobAnswer, Skill, Sound, Transcript, WriteAnswer, Written

Tell = Callable[[str], None]

_take_over_streams = real._take_over_streams
EVENTS: list[BinaryIO] = []
"""The pipe to the bot, for bytes that are not events."""


def take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    asks, events = _take_over_streams()
    EVENTS.append(events)
    return asks, events


class Model:
    capacity = 2
    window = 0.0
    unit = "tokens"

    def __init__(self, size: int) -> None:
        self.ready = Ready(100, False, "cpu", "float32", size)
        self.begun: set[int] = set()

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        assert isinstance(job, Count)
        return Counted(sum(len(text.split()) for _, text in job.messages), 100)

    def step(self, works: Sequence[Work]) -> int:
        for work in works:
            with work.isolated():
                self.go_on(work)
        return len(works)

    def go_on(self, work: Work) -> None:
        assert isinstance(work.job, WriteAnswer)
        word = work.job.messages[-1][1].split()[-1]
        match word:
            case "forever":
                if work.number not in self.begun:
                    self.begun.add(work.number)
                    work.write("and so ")
                if work.stop.wait(0.01):
                    work.end(Written("stopped", 3, 2))
                return
            case "threads":
                work.write(str(threading.active_count()))
            case "environment":
                work.write(json.dumps(dict(os.environ)))
            case "crash":
                work.write("half of ")
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash-at-once":
                os.kill(os.getpid(), signal.SIGKILL)
            case "memory":
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
            case "memory-later":
                work.write("half of ")
                raise MemoryError
            case "gibberish":
                EVENTS[0].write(b"this is no event\n")
                EVENTS[0].flush()
                work.stop.wait()
            case "endless":
                EVENTS[0].write(b"9" * (LONGEST_LINE + 2))
                EVENTS[0].flush()
                work.stop.wait()
            case "huge":
                EVENTS[0].write(b'%d {"is":"Look","id":1}\n' % (MOST_BYTES + 1))
                EVENTS[0].flush()
                work.stop.wait()
            case "too-many-bytes":
                work.end(Sound(bytes(MOST_BYTES + 1), 1, 1.0))
                return
            case "too-much":
                work.end(Transcript("x" * LONGEST_LINE, (), 1.0))
                return
            case "noise":
                print('{"type":"Finished"}')
                os.write(1, b"noise")
                work.write(f"typed {sys.stdin.read()!r}")
            case _:
                work.write(word)
        work.end(Written("complete", 3, 1))


def _size(folder: Path) -> int:
    return int((folder / "bytes").read_text()) if (folder / "bytes").exists() else 1


def need(source: ModelSource, skill: Skill, cache: Path, tell: Tell) -> tuple[str, int]:
    if not Path(source.model).is_dir():
        raise InferenceError("no-such-model", "There is no such model.")
    return "cpu", _size(Path(source.model))


def load(source: ModelSource, skill: Skill, cache: Path, tell: Tell) -> Model:
    tell("Loading the model")
    return Model(_size(Path(source.model)))


if __name__ == "__main__":
    engine = ModuleType("bot.inference.loader")
    engine.need, engine.load = need, load  # type: ignore[attr-defined]  # in place of the real module
    sys.modules[engine.__name__] = engine
    real._take_over_streams = take_over_streams
    real.main()
