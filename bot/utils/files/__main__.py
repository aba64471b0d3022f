"""`python -m bot.utils.files`: process one file.

Standard input is a line of JSON, `{"task": NAME, OPTION: VALUE, …}`, and the file's bytes. Standard output is the
result or, with exit status REFUSED, a sentence for people.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from bot.utils.files import LARGEST, REFUSED, SECONDS

MEMORY = 1 << 30
"""Most bytes of the process's address space; a picture with the most allowed pixels takes half of it."""


def limit() -> None:
    """Limit this process's memory, processor time and files, so that a hostile file cannot harm the machine."""
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
            with contextlib.suppress(ValueError, OSError):  # a stricter limit is set, or the system lacks this one
                resource.setrlimit(kind, (most, most))


def main() -> int:
    """Process the file on standard input and return the exit status."""
    limit()
    from bot.utils.files import pictures  # only now, so that Pillow too is loaded within the limits

    options = json.loads(sys.stdin.buffer.readline())
    try:
        result = pictures.TASKS[options.pop("task")](sys.stdin.buffer.read(), options)
    except pictures.Unreadable as error:
        sys.stdout.write(str(error))
        return REFUSED
    except MemoryError:
        sys.stdout.write("The picture is too large.")
        return REFUSED
    sys.stdout.buffer.write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
