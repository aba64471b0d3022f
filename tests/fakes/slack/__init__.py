"""A fake Slack on loopback: the Web API, Socket Mode and people, as strict as Slack."""

from tests.fakes.slack.server import FakeSlack, Fault
from tests.fakes.slack.world import Act, Message

__all__ = ["Act", "FakeSlack", "Fault", "Message"]
