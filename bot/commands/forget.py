"""/forget: delete stored data: one's own, a conversation's and, for administrators, a person's, a channel's or all."""

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

SURE = Option("sure", "Delete at once, without a preview", kind="flag", named=True)
WHO = Option("who", "The person", "who", required=True)
CHANNEL = Option("channel", "The channel; this one by default", "channel")

COMMAND = Command(
    "forget",
    "Delete stored data, after a preview",
    subcommands=(
        Command("me", "Delete everything that I store about you", (SURE,), passes=True, quiet=True, unrestricted=True),
        Command("conversation", "Delete this conversation", (SURE,), passes=True, quiet=True, unrestricted=True),
        Command(
            "person", "Delete a person's stored messages", (WHO, SURE), passes=True, quiet=True, administrative=True
        ),
        Command(
            "channel",
            "Delete the stored messages of a channel",
            (CHANNEL, SURE),
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command("everything", "Delete all stored messages", (SURE,), passes=True, quiet=True, administrative=True),
    ),
)

STAYS_NOTE = (
    "This cannot be undone. The messages in the chat itself are not deleted. "
    "The audit log and the usage totals stay; they "
    "do not contain any message text."
)
DISK_NOTE = " The remaining data is erased from my disk within minutes."


async def run(services: Services, accepted: Accepted) -> Reply:
    """Preview the deletion with a button; delete when the button is pressed."""
    deletion = await _deletion(services, accepted)
    found = listed(*await services.retention.count(deletion, accepted.id))
    if accepted.request.arguments.get("sure"):
        clean = await services.retention.forget(deletion, accepted)
        yield Choices(())
        yield Text(f"Deleted: {deletion.description}{f', {found}' if found else ''}.{'' if clean else DISK_NOTE}")
    elif found:
        yield Text(f"This would delete {deletion.description}: {found}. {STAYS_NOTE}")
        yield Choices((Choice("Forget it all", accepted.request.command, _button_arguments(accepted)),))
    else:
        yield Text(f"There is nothing to delete. I looked for {deletion.description}.")
    yield Done()


def _button_arguments(accepted: Accepted) -> dict[str, str]:
    """Return the arguments of the button; for a conversation, the request that names it."""
    arguments = accepted.request.arguments
    subjects = {name: Subject.read(arguments[name]) for name in ("who", "channel") if arguments.get(name)}
    named = {name: f"{subject.kind}:{subject.id}" for name, subject in subjects.items() if subject}
    conversation = {"request": str(accepted.id)} if accepted.request.command == "forget conversation" else {}
    return {**named, **conversation, "sure": "yes"}


async def _deletion(services: Services, accepted: Accepted) -> DeletionRequest:
    request = accepted.request
    place, person = request.place, request.person
    match request.command.partition(" ")[2]:
        case "me":
            where = "in this workspace" if person.home else f"everywhere on {place.platform.capitalize()}"
            extent = Extent(place.platform, person.home, person=person.id)
            own = Scope(place.platform, person.home, person=person.id)
            return DeletionRequest(f"your data {where}", extent, own, own=True)
        case "conversation":
            return await _conversation(services, accepted)
        case "person":
            who = _subject(request, "who", "person")
            scope = Scope(place.platform, person.home, person=who.id) if person.home else None
            extent = Extent(place.platform, place.workspace, person=who.id)
            return DeletionRequest(
                f"the data about {who.label} {_here(place)}", extent, scope, f"{who.label} ({who.id})"
            )
        case "channel":
            channel = _subject(request, "channel", "channel")
            extent = Extent(place.platform, place.workspace, channel.id)
            label = "this channel" if channel.id == place.channel else channel.label
            return DeletionRequest(f"the messages of {label}", extent, None, f"{channel.label} ({channel.id})")
        case _:
            return DeletionRequest(f"all messages {_here(place)}", Extent(place.platform, place.workspace))


async def _conversation(services: Services, accepted: Accepted) -> DeletionRequest:
    """Return the deletion of a conversation.

    It is for the person who began it or was alone in it, and for administrators. Raises UserError or Denied.
    """
    place, person = accepted.request.place, accepted.request.person
    if not accepted.conversation:
        raise UserError("You do not have a conversation here. Ask in the thread or channel of the conversation.")
    conversation = await services.conversations.conversation(accepted.conversation)
    label = "this conversation" if accepted.request.arguments.get("sure") else f"the conversation {conversation.label}"
    extent = Extent(place.platform, place.workspace, conversation=conversation.id)
    all_turns, _ = await services.retention.count(DeletionRequest("", extent), accepted.id)
    own_turns, _ = await services.retention.count(DeletionRequest("", replace(extent, person=person.id)), accepted.id)
    only_mine = own_turns.questions == all_turns.questions
    may_delete = only_mine or person.id == conversation.person
    if not (may_delete or (await services.rights.confirm(accepted.request)).person.administrator):
        raise Denied(
            "Other people took part in this conversation. Only the person who began it or an administrator can "
            "delete it. "
            "`/forget me` deletes your own messages."
        )
    return DeletionRequest(label, extent, own=only_mine and own_turns.questions > 0)


def _subject(request: Request, option: str, kind: str) -> Subject:
    """Return the subject of an option; the channel is this one by default. Raises UserError."""
    text = request.arguments.get(option, "")
    if not text and kind == "channel":
        return Subject("channel", request.place.channel, request.place.name.lstrip("#"))
    subject = Subject.read(text)
    if subject is None or subject.kind != kind:
        raise UserError(f"`{option}` takes one {kind}. Name one.")
    return subject


def _here(place: Place) -> str:
    return "in all direct messages" if place.workspace == "@me" else "in this workspace"
