"""No text of people or models raises an error, pings, loads a picture or hides the target of a link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.console.markdown import clean, finished, parse
from adapters.discord.outgoing.channel_surface import text_body
from adapters.discord.outgoing.markdown import readable as readable_on_discord
from adapters.discord.outgoing.markdown import with_subjects
from adapters.shared.command_line import find_command, nearest_command, parse_arguments, written_command
from adapters.shared.message_split import balance, hold_back, open_fence, size, split, split_off
from adapters.slack.incoming.message_text import text_of
from adapters.slack.outgoing.markdown import streamed
from adapters.slack.outgoing.message_finder import message_body
from adapters.slack.outgoing.mrkdwn import is_to_others, mentioned_ids, mrkdwn, readable
from bot.interfaces.command import by_path
from bot.interfaces.errors import UserError
from tests.fakes.discord.rules import message_sins
from tests.fakes.intake import COMMANDS
from tests.fakes.slack.rules import sins, words
from tests.fakes.slack.world import Json
from tests.fuzz import TEXTS

PIECES = (
    "<!channel>", "<!here|here>", "<@U000000001>", "<@U1|ada>", "<!subteam^S1>", "<#C1|general>", "@everyone", "@here",
    "@channel", "<@1>", "<@&1>", "<a:wave:1>", "https://a.example/b", "http://b.example", "[a](https://a.example)",
    "[b.example](https://a.example)", "![x](https://a.example/x.png)", "<https://a.example|b.example>", "[x][1]",
    "\n[1]: https://a.example\n", "```", "\n```python\n", "\n~~~\n", "`", "``", "\\`", "\\", "> ", "\n- ", "\n1. ",
    "\n\n", "\n", " ", "\t", "\r\n", "\r", "&lt;", "&amp;", "&", "<", ">", "|", "*", "**", "_", "~", "#", "\n# ",
    "/ask ", "/config set ", "--private ", "--model large ", "last:50", "—model ", '"', "“", "’", "=", ":",
    "ä", "e\u0301", "😀", "👩\u200d👩\u200d👧", "\u202e", "\u2060", "\u200b", "\x00", "\x1b[31m", "\ud800", "\udfff",
    "語" * 50, "a" * 200, "<b>", "<!--", "<script>", "$x$", "| a | b |\n|---|---|\n",
)  # fmt: skip

WRITTEN = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=12), st.sampled_from(PIECES).map(lambda piece: piece * 9)),
    max_size=24,
).map("".join)

PATHS = {path: command for path, command in by_path(COMMANDS).items() if not command.hidden}


def harm_on_slack(text: str) -> Iterator[str]:
    """Yield the harm of a text on Slack, by every way that it may take."""
    quiet: Json = {"parse": "none"}
    silent: Json = {"unfurl_links": False, "unfurl_media": False}
    for part in split(text, 2_000):
        for method, body, how in (
            ("chat.postMessage", message_body(part, (), links=True), silent),
            ("chat.update", message_body(part, (), links=False), quiet),
        ):
            yield from sins(method, words({"blocks": body["blocks"]}), how)
            yield from sins(method, str(body["text"]), how)  # which notifications show
    yield from sins("chat.appendStream", streamed(text), {})
    yield from (f"mrkdwn shows {found}" for found in re.findall(r"<[@!#]\w*", mrkdwn(text)))


@pytest.mark.timeout(600)
@TEXTS
@given(WRITTEN)
def test_no_answer_harms_anybody(text: str) -> None:
    assert list(harm_on_slack(text)) == []
    for part in split(text, 2_000):
        body = text_body(part)
        assert list(message_sins(body, int(str(body["flags"])), reply=False)) == []


@pytest.mark.timeout(600)
@TEXTS
@given(WRITTEN, st.integers(150, 600))
def test_split_messages_fit_and_are_closed(text: str, limit: int) -> None:
    for part in [*split(text, limit), *split_off(text, limit, 3)[0]]:
        assert 0 < size(part) <= limit
        assert open_fence(part) is None
    assert open_fence(balance(text)) is None
    assert text.startswith(hold_back(text))


@pytest.mark.timeout(600)
@TEXTS
@given(WRITTEN)
def test_incoming_messages_become_text(text: str) -> None:
    names = {"U1": "Ada", "1": "Ada", "C1": "general"}
    assert readable(text, names, "U0") == readable(text, names, "U0").strip()
    assert isinstance(readable(text, names, "U0", subjects=True) + readable_on_discord(text, names), str)
    assert isinstance(with_subjects(text, names, ("2",)) + text_of({"text": text, "bot_id": "B1"}), str)
    assert all(isinstance(key, str) for key in mentioned_ids(text))
    assert is_to_others(text, "U0") in (True, False)
    assert "\x1b" not in clean(text)
    parse(clean(text))
    finished(clean(text))


@pytest.mark.timeout(600)
@TEXTS
@given(WRITTEN, st.sampled_from(sorted(PATHS)))
def test_typed_commands_are_parsed_or_explained(text: str, path: str) -> None:
    find_command(text, COMMANDS)
    nearest_command(text, COMMANDS)
    with suppress(UserError):
        assert written_command(path, PATHS[path], parse_arguments(path, PATHS[path], text)).startswith(f"/{path}")
