"""A child process that never makes anything."""

from __future__ import annotations

import sys
import time

if __name__ == "__main__":
    sys.stderr.write("begun\n")
    sys.stderr.flush()
    time.sleep(600)
