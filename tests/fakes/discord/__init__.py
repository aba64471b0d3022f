"""A loopback server that the real discord.py takes for Discord. See `server`."""

from tests.fakes.discord.server import FakeDiscord, Fault
from tests.fakes.discord.world import Interaction, Message

__all__ = ["FakeDiscord", "Fault", "Interaction", "Message"]
