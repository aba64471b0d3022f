"""What a request gives a task to work on: its words, a message that it points at, a file, or the last messages here."""

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
"""What is read of a place at most."""

MOST_BYTES = 25 << 20
MOST_BYTES_OF_TEXT = 2 << 20

KINDS: Mapping[Takes, tuple[str, ...]] = {
    "picture": ("image/",),
    "sound": ("audio/", "video/"),
    "video": ("video/",),
}
"""How the media types of files begin; a video has sound, too."""

TEXTS = ("text/", "application/json", "application/xml", "application/x-yaml", "application/toml", "application/csv")
UNREADABLE = (".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ppt", ".pptx")


@dataclass(frozen=True, slots=True)
class SourceText:
    """What somebody said or a file holds."""

    name: str
    text: str
    link: str = ""


async def collect_input(services: Services, request: Request, task: Task, share: Share) -> TaskInput:
    """Everything that the task works on. Raises UserError where it is missing, PlatformError where it is not given.

    What a file takes of the memory is in the request's share.
    """
    given = TaskInput(dict(request.arguments), language=services.settings(request).language)
    if task.takes in KINDS:
        return replace(given, file=await _file(services.adapters, request, task.takes, share))
    text, sources = join_texts(await _texts(services.adapters, request, task))
    return replace(given, text=text, sources=sources)


def join_texts(words: Sequence[SourceText]) -> tuple[str, tuple[TextSource, ...]]:
    """All of it as one text, and whose is what; of several, each part begins with its name."""
    text, sources = "", []
    for one in words:
        text += "\n" if text else ""
        text += f"{one.name}: " if len(words) > 1 and one.name else ""
        sources.append(TextSource(len(text), len(text) + len(one.text), one.name, one.link))
        text += one.text
    return text, tuple(sources)


async def _texts(adapters: Mapping[str, Adapter], request: Request, task: Task) -> Sequence[SourceText]:
    """The words that were given; the first way that gives some counts."""
    given = request.arguments
    if given.get("last") or given.get("since"):
        messages = await _recent_messages(adapters, request)
        return [SourceText(message.author, message.text, message.link) for message in messages if message.text.strip()]
    said = given.get(task.text.name, "").strip()
    if words := await _read(adapters, request, SourceText("", said), request.attachments, task):
        return words
    pointed = await _pointed_message(adapters, request)
    if pointed:
        said_there = SourceText(pointed.author, pointed.text.strip(), pointed.link)
        if words := await _read(adapters, request, said_there, pointed.attachments, task):
            return words
    if not task.needs_text:
        return ()
    raise UserError(
        f"What should /{task.name} read? Write it after the command, give a text file (in a terminal `--file PATH`), "
        "reply to a message with it, or say how many of the last messages (`last:50`) or since when (`since:2h`)."
    )


async def _pointed_message(adapters: Mapping[str, Adapter], request: Request) -> Message | None:
    """The message that the request points at."""
    return well_formed(await platforms.pointed(adapters[request.place.platform], request))


async def _read(
    adapters: Mapping[str, Adapter], request: Request, said: SourceText, files: Sequence[Attachment], task: Task
) -> Sequence[SourceText]:
    """What a message says, and its text files. Raises UserError for files that are none, where a task reads text."""
    if (others := [file for file in files if not _is_text(file)]) and not said.text:
        raise _unreadable(others[0])
    texts = [file for file in files if _is_text(file)]
    read: list[SourceText] = []
    for file in texts:
        read.append(SourceText(file.name, await read_text(adapters, request, file), said.link))
        if sum(len(words.text) for words in read) > MOST_BYTES_OF_TEXT:
            raise UserError(f"These files hold more than {MOST_BYTES_OF_TEXT >> 20} MiB of text: give fewer at a time.")
    filled = [words for words in (said, *read) if words.text]
    if read and not filled:
        raise UserError(f"“{read[0].name}” is empty.")
    return filled


async def read_text(adapters: Mapping[str, Adapter], request: Request, file: Attachment) -> str:
    """What a text file says. Raises UserError for one that is none, or that cannot be read."""
    if not _is_text(file):
        raise _unreadable(file)
    return _decoded(file, await _fetch(adapters, request, file))


async def _recent_messages(adapters: Mapping[str, Adapter], request: Request) -> Sequence[Message]:
    """The last messages here, without the one that asks for them."""
    given = request.arguments
    last, since = given.get("last", ""), given.get("since", "")
    limit = whole(last, 1, MOST_MESSAGES) if last else MOST_MESSAGES
    if limit is None:
        raise UserError(f"Write how many messages as a number up to {MOST_MESSAGES}, such as `last:50`.")
    adapter = adapters[request.place.platform]
    begins = request.place.thread == request.message  # the answer's thread grows out of what asks for it
    place = replace(request.place, thread="") if begins else request.place
    found = well_formed(
        tuple(await platforms.history(adapter, replace(request, place=place), limit + 2, ago(since) if since else 0))
    )
    said = [message for message in found if message.id != request.message]  # nor the place where the answer will be
    said = [message for message in said if message.text.strip() or message.attachments or not message.mine][-limit:]
    if not said:
        raise UserError("Nothing was said here in that time.")
    if not any(message.text.strip() or message.attachments for message in said):
        raise UserError("I cannot see what people wrote here: the platform keeps it from me.")
    return said


async def _file(adapters: Mapping[str, Adapter], request: Request, takes: Takes, share: Share) -> Upload:
    """The picture or sound that was given: attached, in the message pointed at, or the newest of the last messages."""
    candidates = list(request.attachments)
    if not candidates and (request.arguments.get("last") or request.arguments.get("since")):
        candidates = [file for said in reversed(await _recent_messages(adapters, request)) for file in said.attachments]
    if not candidates:
        pointed = await _pointed_message(adapters, request)
        candidates = list(pointed.attachments) if pointed else []
    for file in candidates:
        media_type = media_type_of(file)
        if media_type.startswith(KINDS[takes]):
            await share.take(min(file.size or MOST_BYTES, MOST_BYTES))
            data = await _fetch(adapters, request, file)
            share.keep(len(data))
            return Upload(file.name, media_type, data)
    if candidates:
        raise UserError(f"“{candidates[0].name}” is no {takes}: attach one, or reply to a message that has one.")
    raise UserError(f"Which {takes}? Attach one to the command, or reply with it to a message that has one.")


async def _fetch(adapters: Mapping[str, Adapter], request: Request, file: Attachment) -> bytes:
    limit = MOST_BYTES_OF_TEXT if _is_text(file) else MOST_BYTES
    try:
        return await adapters[request.place.platform].fetch(request, file, limit)
    except PlatformError as error:
        raise UserError(f"“{file.name}” cannot be read. {error.message}") from error


def media_type_of(file: Attachment) -> str:
    """What kind of file it is, by what the platform says or else by its name."""
    return file.media_type.partition(";")[0] or mimetypes.guess_type(file.name)[0] or ""


def _is_text(file: Attachment) -> bool:
    kind = media_type_of(file)
    return kind.startswith(TEXTS) or (kind in ("", "application/octet-stream") and not _looks_unreadable(file))


def _looks_unreadable(file: Attachment) -> bool:
    return file.name.lower().endswith(UNREADABLE)


def _unreadable(file: Attachment) -> UserError:
    if _looks_unreadable(file):
        return UserError(
            f"“{file.name}” cannot be read yet: PDFs and documents of Word and the like are still to come."
        )
    return UserError(f"“{file.name}” is no text.")


def _decoded(file: Attachment, data: bytes) -> str:
    """A text file's text. Raises UserError for what is none."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").strip()
    raise UserError(f"“{file.name}” is no text.")
