"""A child process that starts and then does nothing for ten minutes."""

from __future__ import annotations

import sys
import time

if __name__ == "__main__":
    sys.stderr.write("begun\n")
    sys.stderr.flush()
    time.sleep(600)
