"""The OpenAI backend, through the real SDK, against a fake server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path

import openai
import pytest

from bot.backends.openai import BACKEND, OpenAIModelSettings, errors, tokens
from bot.interfaces.backend import Backend
from bot.interfaces.config import Section
from bot.interfaces.errors import (
    BackendError,
    BrokenOff,
    ConfigError,
    ContextTooLong,
    RateLimited,
    Refused,
    Unauthorised,
    Unavailable,
)
from bot.interfaces.prompts import Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Status, Text, Usage
from bot.utils.token_estimate import estimate
from tests.fakes.openai import CANARY, FAULTS, Answer, FakeOpenAI, Step, chunk, failing, unused_url

HELLO: Prompt = (Utterance("system", "Be brief."), Utterance("user", "Ann: Hello"))


def make(url: str, *, key: str = "sk-test", **settings: object) -> Backend:
    table = OpenAIModelSettings.model_validate({"backend": "openai", "model": "test", "base_url": url, **settings})
    return BACKEND.create({"m": table}, {"OPENAI_API_KEY": key}, Path(), Section())["m"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server
        assert not server.violations


@pytest.fixture
async def backend(server: FakeOpenAI) -> AsyncIterator[Backend]:
    backend = make(server.base_url, timeout=5.0, stall=5.0)
    yield backend
    await backend.aclose()


async def collect(backend: Backend, prompt: Prompt = HELLO) -> tuple[str, list[Status], Done]:
    """Return the text, the statuses and the end of an answer."""
    text, statuses, done = "", list[Status](), None
    async with aclosing(backend.stream(prompt, Sampling())) as chunks:
        async for piece in chunks:
            match piece:
                case Text(more):
                    text += more
                case Status():
                    statuses.append(piece)
                case Done():
                    done = piece
    assert done, "a stream ends in Done"
    return text, statuses, done


async def fail(backend: Backend) -> tuple[str, BackendError]:
    """Return the text before the error, and the error."""
    text = ""
    try:
        async with aclosing(backend.stream(HELLO, Sampling())) as chunks:
            async for piece in chunks:
                text += piece.text if isinstance(piece, Text) else ""
    except BackendError as error:
        return text, error
    pytest.fail("no error was raised")


async def test_an_answer_with_its_usage(server: FakeOpenAI, backend: Backend) -> None:
    text, statuses, done = await collect(backend)
    assert (text, statuses, done) == ("You said: Ann: Hello", [], Done("complete", Usage(10, 5)))
    assert server.requests == [
        {
            "model": "test",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ann: Hello"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_text_comes_while_the_model_still_writes(server: FakeOpenAI, backend: Backend) -> None:
    gate = asyncio.Event()
    server.script(Answer(("Hel", gate, "lo")))
    async with aclosing(backend.stream(HELLO, Sampling())) as chunks:
        assert await anext(chunks) == Text("Hel")
        gate.set()
        assert await anext(chunks) == Text("lo")
        assert isinstance(await anext(chunks), Done)


async def test_closing_hangs_up(server: FakeOpenAI, backend: Backend) -> None:
    server.script(Answer(("Hel", asyncio.Event())))
    async with aclosing(backend.stream(HELLO, Sampling())) as chunks:
        assert await anext(chunks) == Text("Hel")
    await asyncio.wait_for(server.hung_up.wait(), 1)


async def test_cancelling_hangs_up(server: FakeOpenAI, backend: Backend) -> None:
    server.script(Answer((asyncio.Event(),)))
    received = asyncio.Event()
    server.on_request = lambda _stage: received.set()
    task = asyncio.create_task(collect(backend))
    await received.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.hung_up.wait(), 1)


async def test_the_connection_serves_again(server: FakeOpenAI, backend: Backend) -> None:
    for _ in range(3):
        await collect(backend)
    assert server.connections == 1


FAULT_ERRORS: Mapping[str, tuple[type[BackendError], str, bool, str]] = {
    # the fault: (error, text before it, whether waiting helps, a word of the sentence)
    "rate limited": (RateLimited, "", True, "too many requests"),
    "rate limited for long": (RateLimited, "", True, "60 minutes"),
    "out of credit": (RateLimited, "", False, "out of credit"),
    "broken inside": (Unavailable, "", True, "trouble"),
    "overloaded": (Unavailable, "", True, "trouble"),
    "wrong key": (Unauthorised, "", False, "OPENAI_API_KEY"),
    "no right": (Unauthorised, "", False, "does not let"),
    "unknown model": (Refused, "", False, "has no model test"),
    "too long": (ContextTooLong, "", False, "more than test can read"),
    "refused": (Refused, "", False, "Invalid 'temperature'"),
    "web page": (Unavailable, "", True, "trouble"),
    "web page as success": (Unavailable, "", False, "web page"),
    "reset": (Unavailable, "", True, "cannot be reached"),
    "cut at once": (Unavailable, "", True, "lost"),
    "cut": (BrokenOff, "Half ", True, "lost"),
    "truncated": (BrokenOff, "Half ", True, "before the end"),
    "malformed": (BrokenOff, "Half ", True, "cannot be read"),
    "error inside": (BrokenOff, "Half ", True, "trouble"),
    "stalled at once": (Unavailable, "", True, "did not begin"),
    "stalled": (BrokenOff, "Half ", True, "fell silent"),
    "filtered": (Refused, "Half ", False, "content filter"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_has_its_error(server: FakeOpenAI, fault: str) -> None:
    backend = make(server.base_url, timeout=0.2, stall=0.2)
    server.answer = lambda _body: FAULTS[fault]()
    text, error = await fail(backend)
    kind, before, temporary, word = FAULT_ERRORS[fault]
    assert (type(error), text, error.temporary) == (kind, before, temporary)
    assert word in error.message
    assert any(hint in error.message for hint in ("aiting", "asks to wait", "Shorten")), "says whether waiting helps"
    assert CANARY not in error.message
    assert "sk-test" not in error.message
    await backend.aclose()


async def test_nothing_listens() -> None:
    backend = make(unused_url())
    _, error = await fail(backend)
    assert (type(error), error.temporary) == (Unavailable, False)
    assert "refuses connections" in error.message
    assert "base_url" in error.message
    await backend.aclose()


async def test_an_address_without_its_version_is_named(server: FakeOpenAI) -> None:
    backend = make(server.base_url.removesuffix("/v1"))
    _, error = await fail(backend)
    assert (type(error), error.temporary) == (Refused, False)
    assert f"must correct base_url, perhaps to {server.base_url}." in error.message
    await backend.aclose()


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(status=404, body=b"404 page not found", media_type="text/plain"), "correct base_url"),
        (Answer(status=404, body=b'{"detail": "Not Found"}'), "correct base_url"),
        (Answer(status=404, body=b'{"error": "model \'test\' not found, try pulling it first"}'), "no model test"),
        (Answer(status=404, body=b'{"message": "No such model", "code": 404}'), "no model test"),
        (Answer(body=b'{"error": "Unexpected endpoint or method."}'), "correct base_url"),
        (Answer(status=400, body=b"Client sent an HTTP request to an HTTPS server."), "begin with https://"),
    ],
)
async def test_a_wrong_address_is_recognised(server: FakeOpenAI, answer: Answer, word: str) -> None:
    backend = make(server.base_url)
    server.answer = lambda _body: answer
    _, error = await fail(backend)
    assert word in error.message
    await backend.aclose()


async def test_a_temporary_failure_is_retried_visibly(server: FakeOpenAI, backend: Backend) -> None:
    server.script(failing(429, "slow down", after=0.01), FAULTS["reset"](), Answer(("Now.",)))
    text, statuses, done = await collect(backend)
    assert (text, done.reason) == ("Now.", "complete")
    said = [status.text.rpartition(". ")[2] for status in statuses]
    assert said == ["Trying again in 1 s.", "Trying for the last time in 1 s."]
    assert len(server.requests) == 3


async def test_it_gives_up_after_three_attempts(server: FakeOpenAI, backend: Backend) -> None:
    server.answer = lambda _body: FAULTS["overloaded"]()
    await fail(backend)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["rate limited for long", "out of credit", "wrong key", "too long", "cut"])
async def test_a_final_or_partial_failure_is_not_retried(server: FakeOpenAI, backend: Backend, fault: str) -> None:
    server.answer = lambda _body: FAULTS[fault]()
    await fail(backend)
    assert len(server.requests) == 1


async def test_a_long_retry_after_is_reported(server: FakeOpenAI, backend: Backend) -> None:
    server.script(FAULTS["rate limited for long"]())
    _, error = await fail(backend)
    assert error.retry_after == 3600


async def test_reasoning_and_comments_are_not_answer(server: FakeOpenAI, backend: Backend) -> None:
    thought = chunk({"reasoning_content": "Hm."}) + chunk({"reasoning": "Aha."})
    server.script(Answer((b": keep-alive\n\n", chunk({"role": "assistant", "content": ""}), thought, "Yes")))
    assert (await collect(backend))[0] == "Yes"


@pytest.mark.parametrize("delta", [{"content": 7}, {"content": [7]}, {"reasoning": 7}, {"content": [{"type": "new"}]}])
async def test_unknown_parts_of_a_delta_are_ignored(
    server: FakeOpenAI, backend: Backend, delta: dict[str, object]
) -> None:
    server.script(Answer(("Y", chunk(delta), "es")))
    assert (await collect(backend))[0] == "Yes"


async def test_unreadable_parts_are_reported(server: FakeOpenAI, backend: Backend) -> None:
    server.script(Answer(("Yes", chunk({"content": [{"type": "thinking", "thinking": [{}]}]}))))
    text, error = await fail(backend)
    assert (text, type(error)) == ("Yes", BrokenOff)
    assert "cannot be read" in error.message


async def test_bytes_cut_anywhere(server: FakeOpenAI, backend: Backend) -> None:
    whole = chunk({"content": "Grüße 🫠\n"}).replace(b"\n\n", b"\r\n\r\n") + chunk({"content": "an alle"})
    server.script(Answer([whole[i : i + 1] for i in range(len(whole))]))
    assert (await collect(backend))[0] == "Grüße 🫠\nan alle"


async def test_many_streams_are_read_together(server: FakeOpenAI, backend: Backend) -> None:
    words = [f"{number} " for number in range(30)]
    server.answer = lambda _body: Answer(words, pause=0.002)
    chunks = 0

    async def read() -> str:
        nonlocal chunks
        text = ""
        async with aclosing(backend.stream(HELLO, Sampling())) as pieces:
            async for piece in pieces:
                chunks += 1
                text += piece.text if isinstance(piece, Text) else ""
        return text

    answers = await asyncio.gather(*(read() for _ in range(60)))
    assert set(answers) == {"".join(words)}
    assert chunks < 60 * len(words)  # benchmarks/ measures the factor


async def test_a_finish_reason_ends_the_stream(server: FakeOpenAI, backend: Backend) -> None:
    server.script(Answer(("All.", chunk({}, "length"), Step.CUT)))
    text, _, done = await collect(backend)
    assert (text, done) == ("All.", Done("length"))


@pytest.mark.parametrize("unknown", ["stream_options", "max_tokens"])
async def test_refused_fields_are_left_out_afterwards(unknown: str) -> None:
    async with FakeOpenAI(rejects=[unknown]) as server:
        backend = make(server.base_url, max_tokens=9)
        await collect(backend)
        await collect(backend)
        assert [unknown in request for request in server.requests] == [True, False, False]
        assert all("max_tokens" in body or body["max_completion_tokens"] == 9 for body in server.requests)
        await backend.aclose()


async def test_a_local_server_needs_no_key() -> None:
    async with FakeOpenAI(key="") as server:
        backend = make(server.base_url, key="")
        assert (await collect(backend))[0]
        assert server.authorizations == [""]
        await backend.aclose()


async def test_openai_itself_needs_a_key() -> None:
    backend = make("https://api.openai.com/v1", key="")
    for attempt in (collect(backend), backend.check(), backend.prepare()):
        with pytest.raises(Unauthorised, match="Set OPENAI_API_KEY"):
            await attempt
    await backend.aclose()


async def test_check(server: FakeOpenAI, backend: Backend) -> None:
    assert await backend.check() == f"test at {backend.destination}"
    stranger = make(server.base_url, model="other")
    assert "does not list" in await stranger.check()
    await stranger.aclose()


async def test_check_fails_with_a_sentence() -> None:
    backend = make(unused_url())
    with pytest.raises(Unavailable, match="cannot be reached"):
        await backend.check()
    await backend.aclose()


RACE = """
import asyncio, pathlib
from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.interfaces.errors import Unavailable
from bot.interfaces.config import Section
from bot.interfaces.prompts import Sampling

async def main():
    table = OpenAIModelSettings(backend="openai", model="test", base_url="{url}")
    backend = BACKEND.create({{"m": table}}, {{}}, pathlib.Path(), Section())["m"]
    preparing = asyncio.create_task(backend.prepare())
    await asyncio.sleep(0.01)
    try:
        await anext(backend.stream((), Sampling()))
    except Unavailable:
        print("fine")
    await preparing
    await backend.aclose()

import bot.backends.openai.client
bot.backends.openai.client.PAUSES = ()
asyncio.run(main())
"""


async def test_requests_work_during_the_sdks_import() -> None:
    code = RACE.format(url=unused_url())
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert output == b"fine\n"


async def test_closing_one_backend_keeps_the_others_open(server: FakeOpenAI) -> None:
    tables = {
        name: OpenAIModelSettings(backend="openai", model=name, base_url=server.base_url) for name in ("test", "gpt-4o")
    }
    backends = BACKEND.create(tables, {"OPENAI_API_KEY": server.key}, Path(), Section())
    await collect(backends["test"])
    await collect(backends["gpt-4o"])
    await backends["test"].aclose()
    await backends["test"].aclose()
    await collect(backends["gpt-4o"])
    await backends["gpt-4o"].aclose()


def test_every_exception_of_the_sdk_is_known() -> None:
    """Fail for a new class of a new SDK, until somebody adds it to the table."""

    def below(kind: type[Exception]) -> set[str]:
        return {kind.__name__}.union(*(below(child) for child in kind.__subclasses__()))

    assert below(openai.APIError) - set(errors.BY_CLASS) == set()
    assert errors.failed(openai.OpenAIError("odd")).failure is errors.TROUBLE


def test_the_environment_names_the_server() -> None:
    table = {"m": OpenAIModelSettings(backend="openai", model="gpt-4o")}
    there = BACKEND.create(table, {"OPENAI_BASE_URL": "http://user:word@gpu:8000/v1"}, Path(), Section())
    assert there["m"].destination == "gpu:8000"
    assert BACKEND.create(table, {}, Path(), Section())["m"].destination == "api.openai.com"
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        BACKEND.create(table, {"OPENAI_BASE_URL": "gpu:8000"}, Path(), Section())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({"retry-after-ms": "1500"}, 1.5), ({"retry-after": "7"}, 7), ({"retry-after": "nonsense"}, None), ({}, None)],
)
def test_retry_after(header: Mapping[str, str], seconds: float | None) -> None:
    assert errors.retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    assert errors.retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert errors.retry_after({"retry-after": "Wed, 21 Oct 2995 07:28:00 GMT"}) or 0 > 1e9


@pytest.mark.parametrize(
    ("model", "size"),
    [("gpt-4", 8_192), ("gpt-4o-mini", 128_000), ("openai/gpt-4.1", 1_047_576), ("ft:gpt-4o:x", 128_000), ("z", 8_192)],
)
def test_windows(model: str, size: int) -> None:
    assert tokens.window(model) == size


TRUTH: Mapping[str, int] = {
    "The name: pretrained models let you stand on the shoulders of giants.": 14,
    "def f(x: int) -> int:\n    return x * x\n\n\nprint(f(41 + 1))\n": 23,
    "llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch": 26,
    "Donaudampfschifffahrtsgesellschaftskapitän": 17,
    "xqjzvk wqzxj kvbnm qqxzj": 15,
    "a\nb\nc\nd\n": 8,
    "aGVsbG8gd29ybGQhIFRoaXMgaXMgYmFzZTY0": 25,
    "今天天气很好,鬱龘驫": 16,
    "Съешь же ещё этих мягких французских булок": 28,
    "🫠👩\u200d👩\u200d👧🇺🇳": 22,
    "1234567890 0xDEADBEEF": 10,
    "": 0,
}
"""Texts and their tokens in cl100k_base or o200k_base, the greater number of both, counted with tiktoken."""


@pytest.mark.parametrize("text", TRUTH)
def test_the_estimate_is_never_less(text: str) -> None:
    assert TRUTH[text] <= estimate(text) <= len(text.encode())


async def test_counting_needs_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    counter = tokens.TokenCounter("gpt-4o")
    for text in ("Hello", "Hello", "Hello " * 10_000):
        assert await counter.count((Utterance("user", text),)) == 2 * tokens.PER_MESSAGE + estimate(text)


@pytest.mark.parametrize("folder", ["", "harmed"])
def test_damaged_tokenizer_data_is_not_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    """Check that tiktoken is not called: it would delete the file and use the network."""
    path = tmp_path / folder
    path.mkdir(exist_ok=True)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(path) if folder else "")
    harmed = path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    harmed.write_bytes(b"IQ== 0\n")
    assert tokens.find_encoding("gpt-4") is None
    assert harmed.exists()


def test_an_invalid_key_is_reported_at_start() -> None:
    table = OpenAIModelSettings.model_validate({"backend": "openai", "model": "test"})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds characters"):
        BACKEND.create({"m": table}, {"OPENAI_API_KEY": "sk-…"}, Path(), Section())
