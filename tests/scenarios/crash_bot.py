"""The whole bot in a process of its own that a test can kill at any commit, forked after the imports."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import openai  # noqa: F401 -- likewise

import adapters.discord.adapter  # noqa: F401 -- forked processes need not import them again
from bot import app, config
from storage.sqlite import writer


class Shared(Protocol):
    """A number that two processes share."""

    value: int


class News(Protocol):
    """The writing end of a pipe."""

    def send(self, what: str, /) -> None:
        """Send a message to the other end."""


@dataclass(frozen=True, slots=True)
class Commits:
    """`armed` starts the count, `count` shares it, and the process dies before or after commit number `fatal`."""

    armed: Shared
    count: Shared
    fatal: int = 0
    before: bool = False


def run_bot(path: str, environ: Mapping[str, str], commits: Commits, news: News) -> None:
    """Run `shoulders run`, and report each commit and the connection on `news`."""
    commit_group = writer._commit_group

    def counted(connection: sqlite3.Connection, group: Sequence[writer._Write[object]]) -> list[writer._Result]:
        if commits.armed.value:
            commits.count.value += 1
        now = commits.armed.value and commits.count.value == commits.fatal
        if now and commits.before:
            os.kill(os.getpid(), signal.SIGKILL)
        results = commit_group(connection, group)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        news.send("commit")
        return results

    writer._commit_group = counted
    asyncio.run(app.run_platforms(config.load(Path(path), environ), news.send))
