"""Commands as people type them: their options and their text."""

from __future__ import annotations

import pytest

from adapters.shared.command_line import find_command, parse_arguments, written_command
from bot.commands._registry import load_commands
from bot.interfaces.errors import UserError

LIMIT = {"amount": "5", "of": "requests", "per": "day"}
COMMANDS = [module.COMMAND for module in load_commands().values()]


def typed(line: str) -> dict[str, str]:
    found = find_command(line, COMMANDS)
    assert found
    path, command, words = found
    return dict(parse_arguments(path, command, words))


TYPED = [
    ("ask --model gpt What is it?", {"model": "gpt", "text": "What is it?"}),
    ("ask What does tail do? last:50 --model x", {"text": "What does tail do? last:50 --model x"}),
    ("summarise last:50", {"last": "50"}),
    ("summarise —last 50", {"last": "50"}),
    ("complete Once upon a time length:5", {"text": "Once upon a time", "length": "5"}),
    ('complete "Once upon a time" length:5 with:chat', {"text": "Once upon a time", "length": "5", "with": "chat"}),
    ("complete It is --length 5", {"text": "It is", "length": "5"}),
    ("complete The ratio is 3:2", {"text": "The ratio is 3:2"}),
    ("complete See https://example.org/a?length=5", {"text": "See https://example.org/a?length=5"}),
    ('complete He said: "length:5"', {"text": 'He said: "length:5"'}),
    ("run gpt2 pipeline:fill-mask I ___ it", {"model": "gpt2", "pipeline": "fill-mask", "text": "I ___ it"}),
    ("run gpt2 I like it pipeline:x", {"model": "gpt2", "pipeline": "x", "text": "I like it"}),
    ('classify "I like it" labels:praise,blame', {"text": "I like it", "labels": "praise,blame"}),
    ('answer "who went?" text:"Bob went home"', {"question": "who went?", "text": "Bob went home"}),
    ('similar "a cat sat" "a dog sat"', {"one": "a cat sat", "text": "a dog sat"}),
    ("similar 'a cat sat' 'a dog sat'", {"one": "a cat sat", "text": "a dog sat"}),
    ("similar it's that's", {"one": "it's", "text": "that's"}),
    ("classify I like it several:yes", {"text": "I like it", "several": "yes"}),
    ("transcribe timestamps:yes language:de", {"timestamps": "yes", "language": "de"}),
    ("fill The ___ is here last:50", {"text": "The ___ is here", "last": "50"}),
    ('similar one:"cheap flights" buy a ticket', {"one": "cheap flights", "text": "buy a ticket"}),
    ("audit show action:refused", {"action": "refused"}),
    ("audit channel channel:C1|general", {"channel": "channel:C1|general"}),
    ("limits set 5 requests day --channel channel:C1|general", {**LIMIT, "channel": "channel:C1|general"}),
    ("limits set 5 requests day channel:channel:C1|general", {**LIMIT, "channel": "channel:C1|general"}),
    ("run model:minilm hello", {"model": "minilm", "text": "hello"}),
    ("ask text: what is it?", {"text": "text: what is it?"}),
    ("config set language French", {"key": "language", "value": "French"}),
    ("limits set 20 requests day --channel #x", {"amount": "20", "of": "requests", "per": "day", "channel": "#x"}),
]


@pytest.mark.parametrize(("line", "arguments"), TYPED)
def test_options_are_separated_from_the_text(line: str, arguments: dict[str, str]) -> None:
    assert typed(line) == arguments


@pytest.mark.parametrize("line", [line for line, _ in TYPED if not line.startswith("ask ") and "|" not in line])
def test_a_written_command_parses_to_the_same_arguments(line: str) -> None:
    found = find_command(line, COMMANDS)
    assert found
    path, command, _ = found
    assert typed(written_command(path, command, typed(line))) == typed(line)


def test_people_and_channels_are_written_by_their_names() -> None:
    path, command, _ = find_command("limits set", COMMANDS) or pytest.fail("no such command")
    arguments = {**LIMIT, "who": "person:U1|Ann"}
    assert written_command(path, command, arguments) == "/limits set 5 requests day @Ann"


def test_many_spaces_take_no_time() -> None:
    """A quadratic search would exceed the test's time limit."""
    assert typed(f"summarise a{' ' * 300_000}b last:5")["last"] == "5"


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(UserError, match=r"no option `--lenght`.*`--length`"):
        typed("summarise --lenght short hello")
