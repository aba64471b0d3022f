"""Neither people nor logs receive secrets, parts of them or a terminal's control characters."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from adapters.console.markdown import clean
from bot.backends.openai.errors import LONGEST_DETAIL
from bot.config import load
from bot.hub.__main__ import sentence
from bot.hub.protocol import Search
from bot.logs import RedactingFormatter, start_logging
from bot.utils.file_permissions import open_to_others
from bot.utils.secrets import blanked, secrets_in
from tests.backends.test_openai import fail, make
from tests.fakes.openai import FakeOpenAI, failing

KEY = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789"
"""A key such as OpenAI's."""

COLOURS = "\x1b[31mred\x1b[0m"
TURNED = "\u202etxet siht\u2066"


def formatted(message: str, *values: object, error: BaseException | None = None, secrets: tuple[str, ...] = ()) -> str:
    caught = (type(error), error, None) if error else None
    record = logging.LogRecord("bot", logging.ERROR, "", 0, message, values, caught)
    return RedactingFormatter(secrets).format(record)


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 120, LONGEST_DETAIL - 60, LONGEST_DETAIL - 20, LONGEST_DETAIL - 8, 1_000])
async def test_errors_contain_no_part_of_a_key(before: int) -> None:
    async with FakeOpenAI(key=KEY) as server:
        server.answer = lambda _body: failing(400, f"{'x' * before} Authorization: Bearer {KEY}", "invalid_value")
        backend = make(server.base_url, key=KEY)
        _, error = await fail(backend)
        await backend.aclose()
    assert KEY[:8] not in error.message
    assert len(error.message) < 2 * LONGEST_DETAIL


async def test_a_key_that_the_server_cut_is_blanked() -> None:
    async with FakeOpenAI(key=KEY) as server:
        server.answer = lambda _body: failing(400, f"Bad header {KEY[:20]}… and {KEY[:30]}", "invalid_value")
        backend = make(server.base_url, key=KEY)
        _, error = await fail(backend)
        await backend.aclose()
    assert "Bad header [key]… and [key]" in error.message


def test_blanking_leaves_innocent_words() -> None:
    assert blanked("Begin with sk-pro and go on", [KEY]) == "Begin with sk-pro and go on"
    assert blanked(f"{KEY}{KEY[:9]}!", [KEY, ""]) == "••••••!"


def test_a_path_blanks_nothing_but_itself() -> None:
    assert blanked("/home/ann/x and /home/ann/key", ["/home/ann/key"]) == "/home/ann/x and •••"


def test_a_secret_within_a_longer_one_hides_both() -> None:
    longer = f"{KEY}-and-more-of-it"
    assert blanked(f"one {longer} two {KEY} three", [KEY, longer]) == "one ••• two ••• three"


def test_a_cut_secret_does_not_reach_the_log() -> None:
    assert KEY[:8] not in formatted("The server said %s", KEY[:21], secrets=(KEY,))


def test_a_password_in_an_address_is_secret() -> None:
    secrets = secrets_in({"HTTPS_PROXY": "http://ann:correct-horse@proxy:3128", "HOME": "/home/ann", "ODD": "x://[y"})
    assert blanked("no way to http://ann:correct-horse@proxy", secrets) == "no way to http://ann:•••@proxy"


def test_the_hubs_errors_tell_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdefghij")
    for before in ("", "x" * 185):
        told = sentence(RuntimeError(f"{before} Illegal header value b'Bearer hf_0123456789abcdefghij'"), Search("x"))
        assert "hf_01234" not in told


# Control characters ---------------------------------------------------------------------------------------------------


def test_a_log_line_is_one_line() -> None:
    forged = formatted("%s asked", f"Ann\r\n12:00:00 INFO    bot: all is well{COLOURS}{TURNED}\u2028")
    assert len(forged.splitlines()) == 1
    assert not set(forged) & set("\x1b\r\n\u202e\u2066\u2028")
    assert r"Ann\r\n12:00:00" in forged


def test_a_traceback_forges_no_line() -> None:
    try:
        b"x".decode(f"bad\n12:00:00 INFO    bot: all is well {COLOURS}")
    except LookupError as error:
        shown = formatted("It failed", error=error)
    first, *rest = shown.splitlines()
    assert first.endswith("It failed")
    assert rest
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in shown


def test_the_programs_log_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        start_logging({"MY_TOKEN": KEY}, logging.INFO)
        logging.getLogger("bot.tests").warning("said %s by\n%s", COLOURS, KEY)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert r"said \x1b[31mred\x1b[0m by\n•••" in capsys.readouterr().err


def test_the_terminal_turns_no_text_around() -> None:
    assert clean(f"rm {TURNED}{COLOURS}\n") == "rm txet siht[31mred[0m\n"


# Permissions ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A folder with a configuration, secrets and data that only their owner reads."""
    (tmp_path / "data").mkdir(mode=0o700)
    for name, text in (("config.toml", f'[bot]\ndata = "{tmp_path}/data"\n'), (".env", ""), ("data/shoulders.db", "")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize(
    ("name", "mode", "closed"),
    [(".env", 0o640, "600"), (".env", 0o604, "600"), ("data", 0o755, "700"), ("data/shoulders.db", 0o644, "600")],
)
def test_what_others_may_read_is_named(configured: Path, name: str, mode: int, closed: str) -> None:
    config = load(configured / "config.toml", {})
    assert open_to_others(config.private_files) == []
    (configured / name).chmod(mode)
    (found,) = open_to_others(config.private_files)
    assert found.endswith(f"chmod {closed} {configured / name}")
