"""Collect the input of a task: the command's text, a message that it points at, a file, or the last messages here."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.administration import platforms
from bot.administration.limits.money import whole
from bot.interfaces.adapter import Adapter
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Attachment, Message, Request
from bot.services import Services
from bot.tasks.engine.task import Takes, Task, TaskInput, TextSource, Upload
from bot.utils.durations import ago
from bot.utils.unicode_text import well_formed
from bot.utils.upload_memory import Share

MOST_MESSAGES = 200
"""The most messages of a place that a task reads."""

MOST_BYTES = 25 << 20
MOST_BYTES_OF_TEXT = 2 << 20

KINDS: Mapping[Takes, tuple[str, ...]] = {
    "picture": ("image/",),
    "sound": ("audio/", "video/"),
    "video": ("video/",),
}
"""The first part of the media types of files; a video has sound, too."""

KIND_NAMES: Mapping[Takes, str] = {"picture": "an image", "sound": "an audio or video file", "video": "a video"}
"""The words for those kinds in messages."""

TEXTS = ("text/", "application/json", "application/xml", "application/x-yaml", "application/toml", "application/csv")
UNREADABLE = (".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ppt", ".pptx")


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a message or a file, with its author or file name and its link."""

    name: str
    text: str
    link: str = ""


async def collect_input(services: Services, request: Request, task: Task, share: Share) -> TaskInput:
    """Return the input of a task. Raises UserError if it is missing, PlatformError if the platform refuses it.

    The memory of a file counts in the request's share.
    """
    task_input = TaskInput(dict(request.arguments), language=services.settings(request).language)
    if task.takes in KINDS:
        return replace(task_input, file=await _file(services.adapters, request, task.takes, share))
    text, sources = join_texts(await _texts(services.adapters, request, task))
    return replace(task_input, text=text, sources=sources)


def join_texts(words: Sequence[SourceText]) -> tuple[str, tuple[TextSource, ...]]:
    """Return the parts as one text, with the span of each; if there are several, each begins with its name."""
    text, sources = "", []
    for one in words:
        text += "\n" if text else ""
        text += f"{one.name}: " if len(words) > 1 and one.name else ""
        sources.append(TextSource(len(text), len(text) + len(one.text), one.name, one.link))
        text += one.text
    return text, tuple(sources)


async def _texts(adapters: Mapping[str, Adapter], request: Request, task: Task) -> Sequence[SourceText]:
    """Return the texts of the first source that has any: messages, the command, or the message that it points at."""
    arguments = request.arguments
    if arguments.get("last") or arguments.get("since"):
        messages = await _recent_messages(adapters, request)
        return [SourceText(message.author, message.text, message.link) for message in messages if message.text.strip()]
    typed = SourceText("", arguments.get(task.text.name, "").strip())
    if texts := await _read(adapters, request, typed, request.attachments, task):
        return texts
    message = await _pointed_message(adapters, request)
    if message:
        source = SourceText(message.author, message.text.strip(), message.link)
        if texts := await _read(adapters, request, source, message.attachments, task):
            return texts
    if not task.needs_text:
        return ()
    raise UserError(
        f"/{task.name} needs a text. Write it after the command, attach a text file (in a terminal `--file PATH`), "
        "reply to a message, or read the last messages here (`last:50` or `since:2h`)."
    )


async def _pointed_message(adapters: Mapping[str, Adapter], request: Request) -> Message | None:
    """Return the message that the request replies to or names."""
    return well_formed(await platforms.pointed(adapters[request.place.platform], request))


async def _read(
    adapters: Mapping[str, Adapter], request: Request, message: SourceText, files: Sequence[Attachment], task: Task
) -> Sequence[SourceText]:
    """Return a message's text and its text files. Raises UserError if it only has files of other kinds."""
    if (others := [file for file in files if not _is_text(file)]) and not message.text:
        raise _unreadable(others[0])
    texts = [file for file in files if _is_text(file)]
    read: list[SourceText] = []
    for file in texts:
        read.append(SourceText(file.name, await read_text(adapters, request, file), message.link))
        if sum(len(source.text) for source in read) > MOST_BYTES_OF_TEXT:
            raise UserError(f"These files have more than {MOST_BYTES_OF_TEXT >> 20} MiB of text. Give fewer at a time.")
    non_empty = [source for source in (message, *read) if source.text]
    if read and not non_empty:
        raise UserError(f"“{read[0].name}” is empty. Give another file.")
    return non_empty


async def read_text(adapters: Mapping[str, Adapter], request: Request, file: Attachment) -> str:
    """Return the content of a text file. Raises UserError for another kind of file, or one that cannot be fetched."""
    if not _is_text(file):
        raise _unreadable(file)
    return _decoded(file, await _fetch(adapters, request, file))


async def _recent_messages(adapters: Mapping[str, Adapter], request: Request) -> Sequence[Message]:
    """Return the last messages here, without the request itself. Raises UserError if there are none."""
    last, since = request.arguments.get("last", ""), request.arguments.get("since", "")
    limit = whole(last, 1, MOST_MESSAGES) if last else MOST_MESSAGES
    if limit is None:
        raise UserError(f"`last` takes a number of messages up to {MOST_MESSAGES}, such as `last:50`.")
    adapter = adapters[request.place.platform]
    starts_thread = request.place.thread == request.message  # the answer's thread begins at the request
    place = replace(request.place, thread="") if starts_thread else request.place
    found = well_formed(
        tuple(await platforms.history(adapter, replace(request, place=place), limit + 2, ago(since) if since else 0))
    )
    others = [message for message in found if message.id != request.message]
    # an empty message of mine is the draft of this answer
    filled = [message for message in others if message.text.strip() or message.attachments or not message.mine]
    messages = filled[-limit:]
    if not messages:
        raise UserError("There are no messages here in that time. Choose a longer time, such as `since:7d`.")
    if not any(message.text.strip() or message.attachments for message in messages):
        raise UserError(
            "I cannot read the messages here: the platform does not show me their text. "
            "Write the text after the command."
        )
    return messages


async def _file(adapters: Mapping[str, Adapter], request: Request, takes: Takes, share: Share) -> Upload:
    """Return the file of the request, of the message that it points at, or the newest of the last messages.

    Raises UserError without a file of the right kind.
    """
    candidates = list(request.attachments)
    if not candidates and (request.arguments.get("last") or request.arguments.get("since")):
        candidates = [file for past in reversed(await _recent_messages(adapters, request)) for file in past.attachments]
    if not candidates:
        message = await _pointed_message(adapters, request)
        candidates = list(message.attachments) if message else []
    for file in candidates:
        media_type = media_type_of(file)
        if media_type.startswith(KINDS[takes]):
            await share.take(min(file.size or MOST_BYTES, MOST_BYTES))
            data = await _fetch(adapters, request, file)
            share.keep(len(data))
            return Upload(file.name, media_type, data)
    kind = KIND_NAMES[takes]
    if candidates:
        raise UserError(
            f"I need {kind}, and “{candidates[0].name}” is not one. Attach one, or reply to a message that has one."
        )
    raise UserError(f"I need {kind}. Attach one to the command, or reply with the command to a message that has one.")


async def _fetch(adapters: Mapping[str, Adapter], request: Request, file: Attachment) -> bytes:
    limit = MOST_BYTES_OF_TEXT if _is_text(file) else MOST_BYTES
    try:
        return await adapters[request.place.platform].fetch(request, file, limit)
    except PlatformError as error:
        raise UserError(f"I cannot read “{file.name}”. {error.message}") from error


def media_type_of(file: Attachment) -> str:
    """Return the media type that the platform reports, or else the type of the name; "" if it is unknown."""
    return file.media_type.partition(";")[0] or mimetypes.guess_type(file.name)[0] or ""


def _is_text(file: Attachment) -> bool:
    kind = media_type_of(file)
    return kind.startswith(TEXTS) or (kind in ("", "application/octet-stream") and not _looks_unreadable(file))


def _looks_unreadable(file: Attachment) -> bool:
    return file.name.lower().endswith(UNREADABLE)


def _unreadable(file: Attachment) -> UserError:
    if _looks_unreadable(file):
        return UserError(
            f"I cannot read “{file.name}”: PDF and Office documents are not supported yet. Export it as text first."
        )
    return UserError(f"“{file.name}” is not a text file. Give a text file, or write the text after the command.")


def _decoded(file: Attachment, data: bytes) -> str:
    """Return the text of a text file's bytes. Raises UserError for other bytes."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").strip()
    raise UserError(f"“{file.name}” is not a text file. Give a text file, or write the text after the command.")
