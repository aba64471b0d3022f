"""`python -m bot.utils.files`: read a job, a line of JSON, and a file from standard input; write the result."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from bot.utils.files import LARGEST, REFUSED, SECONDS

MEMORY = 1 << 30
"""Bytes that the process may take; a picture of the most pixels takes half of it."""


def limit() -> None:
    """Take no more than a share of the machine, and write no file."""
    if hasattr(os, "nice"):
        os.nice(5)
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        limits = (
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_CPU, int(SECONDS)),
            (resource.RLIMIT_FSIZE, LARGEST),
            (resource.RLIMIT_CORE, 0),
        )
        for kind, most in limits:
            with contextlib.suppress(ValueError, OSError):  # a stricter limit holds already, or the system has no such
                resource.setrlimit(kind, (most, most))


def main() -> int:
    """Do one thing."""
    limit()
    from bot.utils.files import pictures  # within the limits, too

    asked = json.loads(sys.stdin.buffer.readline())
    try:
        made = pictures.TASKS[asked.pop("task")](sys.stdin.buffer.read(), asked)
    except pictures.Unreadable as error:
        sys.stdout.write(str(error))
        return REFUSED
    except MemoryError:
        sys.stdout.write("The picture is too large.")
        return REFUSED
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
