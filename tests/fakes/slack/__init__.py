"""A stand-in for Slack: the Web API, Socket Mode and people, on loopback, strict about what Slack is strict about."""

from tests.fakes.slack.server import FakeSlack, Fault
from tests.fakes.slack.world import Act, Message

__all__ = ["Act", "FakeSlack", "Fault", "Message"]
