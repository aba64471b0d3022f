"""What a message of ours holds, and how it is found again after a crash."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from adapters.drafts import Offered
from adapters.slack.handle import Json, actions
from adapters.slack.rest import Rest, listed
from adapters.slack.text import escaped, harmless, letters
from bot.types import Part

LONGEST_NOTICE = 700
"""Characters of a part that notifications show."""

MOST_PAGES = 5
OPENING = -1
"""The index under which the message that opens a thread is kept with the answer's parts."""

EVENT_TYPE = "shoulders_part"


def content(text: str, choices: Sequence[Offered]) -> Json:
    """A message's text, buttons and menus. The text beside the blocks is for notifications."""
    shown = harmless(text)
    blocks: list[Json] = [{"type": "markdown", "text": shown}] if shown else []
    return {"text": escaped(shown[:LONGEST_NOTICE]), "blocks": [*blocks, *actions(choices)]}


class Finder:
    """Finds messages of ours again by their metadata, which says what they are."""

    def __init__(self, rest: Rest, act: str) -> None:
        self._rest = rest
        self._act = act

    def metadata(self, index: int) -> Json:
        """What marks part `index`."""
        return {"event_type": EVENT_TYPE, "event_payload": {"act": self._act, "part": index}}

    async def find(self, channel: str, thread: str, since: str, part: Part) -> str:
        """A message of ours that is the part: marked so, or, being a stream that was never finished, beginning so."""
        async for message in self._mine(channel, thread, since):
            marked = message.get("metadata")
            payload = marked.get("event_payload") if isinstance(marked, dict) else None
            if isinstance(payload, dict):
                if (payload.get("act"), payload.get("part")) == (self._act, part.index):
                    return str(message["ts"])
            elif part.index != OPENING and _begins(str(message.get("text")), part.text):
                return str(message["ts"])
        return ""

    async def find_files(self, channel: str, thread: str, since: str, part: Part) -> str:
        """The files that the part names, where a message of ours has just these."""
        async for message in self._mine(channel, thread, since):
            held = listed(message.get("files"))
            if held and "\n".join(str(file.get("name")) for file in held) == part.text:
                return ",".join(str(file["id"]) for file in held)
        return ""

    async def _mine(self, channel: str, thread: str, since: str) -> AsyncGenerator[Json, None]:
        method = "conversations.replies" if thread else "conversations.history"
        where = {"channel": channel, "oldest": since, "inclusive": True, "include_all_metadata": True}
        async for page in self._rest.pages(method, MOST_PAGES, {**where, **({"ts": thread} if thread else {})}):
            for message in page:
                if message.get("user") == self._rest.me:
                    yield message


def _begins(shown: str, text: str) -> bool:
    """Whether a stream that shows this may have been started with `text`."""
    return letters(shown).startswith(letters(harmless(text, growing=True)))
