"""/privacy: explain the stored data, its retention, the destinations of text and the rights of people."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.retention import AUDIT_DAYS, USAGE_DAYS
from bot.interfaces.command import Command
from bot.interfaces.messages import Request
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command(
    "privacy", "Show the data that I store here, and for how long", passes=True, quiet=True, unrestricted=True
)

OTHERS_MESSAGES = {
    "nothing": "I do not store messages between people in this channel.",
    "threads": "I store messages between people in threads {time}, and read them when somebody asks me there.",
    "everything": "I store messages between people in this channel {time}, and read them when somebody asks me here.",
}

RIGHTS = """
**Your rights**
- Edit or delete your message, and I change or delete my copy. Deleting a question also deletes my answers to it.
- `/forget me` deletes your questions and the answers to them, your overheard messages, your ratings and your own \
settings, {where}. `/forget conversation` deletes this conversation. Both show a preview first.
- `/export me` sends you all of that as a file.

I can delete only my copies, not the messages in the chat itself. Other people's questions and their answers stay, \
even if an answer quotes you. The audit log keeps your actions, and usage totals stay without a name. I also keep \
message ids without any text, so that I recognise a message that the platform delivers twice.
"""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Explain the data and the rights, from the settings in force."""
    request = accepted.request
    yield Text(f"**The data that I store {_place_words(request)}**\n")
    for line in _sentences(services, request):
        yield Text(f"- {line}\n")
    where = "in this workspace" if request.person.home else f"everywhere on {request.place.platform.capitalize()}"
    yield Text(RIGHTS.format(where=where))
    if contact := services.settings(request).contact:
        yield Text(f"\nQuestions about this: {contact}.")
    yield Done()


def _sentences(services: Services, request: Request) -> Sequence[str]:
    settings = services.administration.settings(request.place)
    days = settings.retention_days
    time = _period(days)
    lines = [f"I store your messages to me and my answers {time}, on the disk of the operator."]
    if not request.place.direct:
        lines.append(OTHERS_MESSAGES[settings.keep].format(time=time))
    if settings.feedback:
        lines.append(f"I store your 👍 and 👎 with your name and the model's {time}.")
    lines.append(
        f"I store the usage per person and model {_period(max(days, USAGE_DAYS) if days else 0)}, then only the totals."
    )
    lines.append(
        f"I store administrators' changes, refusals and deletions {_period(AUDIT_DAYS)}, with names and without any "
        "message text."
    )
    lines.append(_uninstall_sentence(services, request))
    lines.append("My log reports faults. It does not contain message text.")
    sent = "I send your question and the conversation to the model that answers"
    return [*lines, f"{sent}: {_destinations(services, request)}."]


def _uninstall_sentence(services: Services, request: Request) -> str:
    """Return the sentence about the data after the bot is removed."""
    if request.place.direct and not request.person.home:
        return "This conversation does not belong to a server. It stays when I am removed from one."
    if services.administration.settings(request.place).on_uninstall == "keep":
        return "When I am removed from this workspace, its data stays."
    hours = services.config.bot.uninstall_grace_hours
    after = f"{hours:g} hour{'' if hours == 1 else 's'} later, unless I am added again before" if hours else "at once"
    return f"When I am removed from this workspace, I delete its data {after}."


def _destinations(services: Services, request: Request) -> str:
    """Return the destinations of text, each with the models that run there."""
    places: dict[str, list[str]] = {}
    for name in services.models.available(request).names:
        places.setdefault(services.backends[name].destination, []).append(name)
    return "; ".join(f"{destination} ({', '.join(names)})" for destination, names in places.items())


def _place_words(request: Request) -> str:
    place = request.place
    if place.direct:
        return f"here, in {place.name or 'our direct messages'}"
    return f"here, in {place.name}" if place.name else "here"


def _period(days: int) -> str:
    if not days:
        return "until somebody deletes it"
    return f"for {days // 365} years" if days >= 730 else f"for {days} day{'' if days == 1 else 's'}"
