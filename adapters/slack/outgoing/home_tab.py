"""The bot's Home tab in Slack, published again after each action on it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from adapters.shared.message_split import split
from adapters.slack.outgoing.mrkdwn import mrkdwn
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import Json, actions
from adapters.slack.web_api import SlackApi
from bot.interfaces.adapter import Draft, Intake
from bot.interfaces.errors import ShouldersError
from bot.interfaces.messages import Place
from bot.interfaces.replies import Answer, Chunk

log = logging.getLogger(__name__)

PUBLISH = "views.publish"
SECTION = 2_900
"""The most characters of a section, of Slack's 3,000."""


class HomeTab:
    """The Home tabs of all people."""

    def __init__(self, rest: SlackApi, directory: Directory, intake: Intake) -> None:
        self._rest = rest
        self._directory = directory
        self._intake = intake

    async def show(self, person: str, channel: str) -> None:
        """Publish a person's tab; `channel` is that of their direct messages with the bot. Log a failure."""
        place = Place("slack", self._rest.team, channel, direct=True, name="a direct message")
        try:
            page = await self._intake.home(place, await self._directory.person(person, rights=True))
            await self._rest.write(PUBLISH, {"user_id": person, "view": _view(page, channel)})
        except ShouldersError as error:
            log.warning("The Home tab of %s cannot be shown: %s", person, error)


class HomeDraft(Draft):
    """A draft of the answer to an action on the Home tab."""

    def __init__(self, draft: Draft, show: Callable[[], Awaitable[None]]) -> None:
        self._draft = draft
        self._show = show

    def write(self, chunk: Chunk) -> None:
        self._draft.write(chunk)

    async def finish(self, answer: Answer) -> None:
        """Show `answer`, and publish the tab again."""
        await self._draft.finish(answer)
        await self._show()

    async def abandon(self) -> None:
        await self._draft.abandon()


def _view(page: Answer, channel: str) -> Json:
    notes = (f"> {line}" for note in page.notes for line in note.splitlines())
    parts = split(mrkdwn("\n\n".join([page.text, *notes])), SECTION)
    texts: list[Json] = [{"type": "mrkdwn", "text": part, "verbatim": True} for part in parts]
    sections: list[Json] = [{"type": "section", "text": text} for text in texts]
    return {"type": "home", "private_metadata": channel, "blocks": [*sections, *actions(page.choices)]}
