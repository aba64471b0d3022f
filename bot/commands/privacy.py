"""/privacy: what is kept here, for how long, where text goes, and what one can do about it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.retention import AUDIT_DAYS, USAGE_DAYS
from bot.interfaces.command import Command
from bot.interfaces.messages import Request
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("privacy", "What I keep here, and for how long", passes=True, quiet=True, unrestricted=True)

KEPT = {
    "nothing": "What people say to each other here I do not keep.",
    "threads": "What people say to each other in threads I keep {time}, and read it when I am asked there.",
    "everything": "What people say to each other here I keep {time}, and read it when I am asked here.",
}

YOURS = """
**What you can do**
- Edit or delete your message, and what I keep follows; with a question go my answers to it.
- `/forget me` deletes your questions and the answers to them, what I overheard of you, your ratings and your own \
settings, {where}. `/forget conversation` deletes this conversation. I show first what would go.
- `/export me` sends you all of that as a file.

Forgetting reaches what I keep, not the chat itself. What others asked stays theirs, even where an answer to them \
quotes you. The audit keeps who did what, sums of usage stay without a name, and so does a mark without any text by \
which I recognise a message that the platform delivers twice.
"""


async def run(services: Services, accepted: Accepted) -> Reply:
    """All of it in words, from the settings in force."""
    request = accepted.request
    yield Text(f"**What I keep {_place_words(request)}**\n")
    for line in _sentences(services, request):
        yield Text(f"- {line}\n")
    where = "in this workspace" if request.person.home else f"everywhere on {request.place.platform.capitalize()}"
    yield Text(YOURS.format(where=where))
    if contact := services.settings(request).contact:
        yield Text(f"\nQuestions about this: {contact}.")
    yield Done()


def _sentences(services: Services, request: Request) -> Sequence[str]:
    settings = services.administration.settings(request.place)
    days = settings.retention_days
    time = _period(days)
    lines = [f"What is said to me and what I answer: {time}, on the disk of who runs me."]
    if not request.place.direct:
        lines.append(KEPT[settings.keep].format(time=time))
    if settings.feedback:
        lines.append(f"Your 👍 and 👎, with your name and the model's: {time}.")
    lines.append(f"Who used which model how much: {_period(max(days, USAGE_DAYS) if days else 0)}; then only the sums.")
    lines.append(
        f"What administrators changed, what was refused and what was deleted: {_period(AUDIT_DAYS)}, with names, "
        "without anything that was said."
    )
    lines.append(_uninstall_sentence(services, request))
    lines.append("My log tells of faults, not of what was said.")
    goes = "What you ask, and what I remember of the conversation, goes to the model that answers"
    return [*lines, f"{goes}: {_destinations(services, request)}."]


def _uninstall_sentence(services: Services, request: Request) -> str:
    """Say what becomes of it where the bot is removed."""
    if request.place.direct and not request.person.home:
        return "What we say here belongs to no server: it stays when I am removed from one."
    if services.administration.settings(request.place).on_uninstall == "keep":
        return "When I am removed from this workspace, what I keep of it stays."
    hours = services.config.bot.uninstall_grace_hours
    after = f"{hours:g} hour{'' if hours == 1 else 's'} later, unless I am back by then" if hours else "at once"
    return f"When I am removed from this workspace, all that I keep of it goes, {after}."


def _destinations(services: Services, request: Request) -> str:
    """Where text goes, each with the models that take it there."""
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
