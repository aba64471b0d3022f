"""The set-up that most tests of the Slack adapter share."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.adapters.slack.town import Town, town


@pytest.fixture
async def team() -> AsyncGenerator[Town, None]:
    """A workspace that the bot serves."""
    async with town() as made:
        await made.start()
        yield made
