"""/forget: delete what is kept about oneself or of a conversation; for administrators, of a person, a channel, all."""

from __future__ import annotations

from dataclasses import replace

from bot.administration.retention import DeletionRequest, listed
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import Denied, UserError
from bot.interfaces.history import Extent
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.records import Scope
from bot.interfaces.replies import Choice, Choices, Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

SURE = Option("sure", "Do it now, without being shown first what would go", kind="flag", named=True)
WHO = Option("who", "Whom", "who", required=True)
CHANNEL = Option("channel", "Which one; left out, this one", "channel")

COMMAND = Command(
    "forget",
    "Delete what I keep, after showing what would go",
    subcommands=(
        Command("me", "Delete all that I keep about you", (SURE,), passes=True, quiet=True, unrestricted=True),
        Command("conversation", "Delete this conversation", (SURE,), passes=True, quiet=True, unrestricted=True),
        Command("person", "Delete what a person said here", (WHO, SURE), passes=True, quiet=True, administrative=True),
        Command(
            "channel",
            "Delete what was said in a channel",
            (CHANNEL, SURE),
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command("everything", "Delete all that was said here", (SURE,), passes=True, quiet=True, administrative=True),
    ),
)

STAYS = (
    "It cannot be undone. What stands in the chat itself stays there, and so do, without a word of what was said, the "
    "audit and the sums of what was used."
)
LATER = " The last traces leave my disk as soon as nobody reads it, within minutes."


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show what would go, with a button; do it when it was pressed."""
    deletion = await _deletion(services, accepted)
    found = listed(*await services.retention.count(deletion, accepted.id))
    if accepted.request.arguments.get("sure"):
        clean = await services.retention.forget(deletion, accepted)
        yield Choices(())
        yield Text(f"Forgotten: {deletion.description}{f', {found}' if found else ''}.{'' if clean else LATER}")
    elif found:
        yield Text(f"This would delete {deletion.description}: {found}. {STAYS}")
        yield Choices((Choice("Forget it all", accepted.request.command, _button_arguments(accepted)),))
    else:
        yield Text(f"There is nothing to forget: I keep nothing of {deletion.description}.")
    yield Done()


def _button_arguments(accepted: Accepted) -> dict[str, str]:
    """The arguments of the button. A conversation is the one that this request meant."""
    given = accepted.request.arguments
    subjects = {name: Subject.read(given[name]) for name in ("who", "channel") if given.get(name)}
    named = {name: f"{subject.kind}:{subject.id}" for name, subject in subjects.items() if subject}
    meant = {"request": str(accepted.id)} if accepted.request.command == "forget conversation" else {}
    return {**named, **meant, "sure": "yes"}


async def _deletion(services: Services, accepted: Accepted) -> DeletionRequest:
    request = accepted.request
    place, person = request.place, request.person
    match request.command.partition(" ")[2]:
        case "me":
            where = "in this workspace" if person.home else f"everywhere on {place.platform.capitalize()}"
            extent = Extent(place.platform, person.home, person=person.id)
            own = Scope(place.platform, person.home, person=person.id)
            return DeletionRequest(f"what I keep about you {where}", extent, own, own=True)
        case "conversation":
            return await _conversation(services, accepted)
        case "person":
            who = _subject(request, "who", "person")
            scope = Scope(place.platform, person.home, person=who.id) if person.home else None
            extent = Extent(place.platform, place.workspace, person=who.id)
            return DeletionRequest(
                f"what I keep about {who.label} {_here(place)}", extent, scope, f"{who.label} ({who.id})"
            )
        case "channel":
            channel = _subject(request, "channel", "channel")
            extent = Extent(place.platform, place.workspace, channel.id)
            label = "this channel" if channel.id == place.channel else channel.label
            return DeletionRequest(f"what was said in {label}", extent, None, f"{channel.label} ({channel.id})")
        case _:
            return DeletionRequest(f"everything that was said {_here(place)}", Extent(place.platform, place.workspace))


async def _conversation(services: Services, accepted: Accepted) -> DeletionRequest:
    """The conversation, of who began it, was alone in it, or is an administrator. Raises UserError or Denied."""
    place, person = accepted.request.place, accepted.request.person
    if not accepted.conversation:
        raise UserError("There is no conversation of yours here.")
    conversation = await services.conversations.conversation(accepted.conversation)
    label = "this conversation" if accepted.request.arguments.get("sure") else f"the conversation {conversation.label}"
    extent = Extent(place.platform, place.workspace, conversation=conversation.id)
    everyones, _ = await services.retention.count(DeletionRequest("", extent), accepted.id)
    mine, _ = await services.retention.count(DeletionRequest("", replace(extent, person=person.id)), accepted.id)
    alone = mine.questions == everyones.questions
    theirs = alone or person.id == conversation.person
    if not (theirs or (await services.rights.confirm(accepted.request)).person.administrator):
        raise Denied(
            "Others took part in this conversation: who began it, or an administrator, can have it forgotten. "
            "`/forget me` deletes what is yours."
        )
    return DeletionRequest(label, extent, own=alone and mine.questions > 0)


def _subject(request: Request, option: str, kind: str) -> Subject:
    """What an option names; the channel is this one where none is named. Raises UserError."""
    given = request.arguments.get(option, "")
    if not given and kind == "channel":
        return Subject("channel", request.place.channel, request.place.name.lstrip("#"))
    subject = Subject.read(given)
    if subject is None or subject.kind != kind:
        raise UserError(f"Name one {kind}.")
    return subject


def _here(place: Place) -> str:
    return "in all direct messages" if place.workspace == "@me" else "in this workspace"
