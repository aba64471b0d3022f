"""Every family of models through the real process, compared with the answers of transformers itself."""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
import re
import struct
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio

from bot.inference.client import InferenceClient
from bot.inference.errors import TOO_SHORT
from bot.inference.pipelines import PIPELINES
from bot.inference.process import ModelProcess
from bot.inference.protocol import ModelSource, Ready
from bot.interfaces.errors import ContextTooLong, Refused, Unavailable
from bot.interfaces.jobs import (
    Boxes,
    Choose,
    Classify,
    ClassifyPicture,
    Complete,
    Describe,
    Detect,
    Embed,
    Entities,
    Extract,
    Fill,
    Fillings,
    Job,
    JobAnswer,
    Labels,
    Pipe,
    PipelineOutput,
    Rewrite,
    Sound,
    Spans,
    Speak,
    Tag,
    Tokens,
    Transcribe,
    Vectors,
    WriteAnswer,
    Written,
)
from bot.interfaces.replies import Status, Text
from tests.inference.families import BLANK, FAMILIES, LABELS, LONG, OTHER, QUESTION, SAID, TEXT, table

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

CAUSAL = ("gpt2", "llama", "mistral", "falcon", "falcon_alibi", "qwen", "gemma")
CHAT = WriteAnswer((("user", TEXT),), 12, 0.0)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the checkpoints, a picture, and the answers of transformers."""
    folder = tmp_path_factory.mktemp("families")
    done = subprocess.run(
        [sys.executable, "-m", "tests.inference.tiny_pipelines", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def inference(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[InferenceClient]:
    """Return the client of one process for all families."""
    process = ModelProcess(tmp_path_factory.mktemp("models"), {**os.environ, "HF_HUB_OFFLINE": "1"})
    yield InferenceClient(process)
    await process.aclose()


@pytest.fixture(scope="session")
def picture(made: Path) -> bytes:
    return (made / "picture.png").read_bytes()


def source(made: Path, family: str, at_once: int = 8) -> ModelSource:
    return ModelSource(str(made / family), threads=1, dtype="float32", at_once=at_once)


def tone(seconds: float, rate: int = 16_000) -> bytes:
    """Return a WAV file of a rising tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        samples = (int(20_000 * math.sin(at * at / 90_000)) for at in range(int(seconds * rate)))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def header(width: int, height: int) -> bytes:
    """Return the beginning of a PNG that states this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IEND", b"")


def _labels(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Labels)
    rows = [[[label.name, label.score] for label in row] for row in answer.rows]
    return rows if len(rows) > 1 else rows[0]


def _fillings(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Fillings)
    return [[filling.word, filling.score] for filling in answer.fillings]


def _entities(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Entities)
    assert all(entity.text == TEXT[entity.start : entity.end] for entity in answer.rows[0])
    return [[entity.label, entity.start, entity.end, entity.score] for entity in answer.rows[0]]


def _span(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Spans)
    best = answer.spans[0]
    assert SAID[best.start : best.end] == best.text
    return best.text


def _vectors(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Vectors)
    return answer.rows


def _boxes(answer: JobAnswer, _text: str) -> object:
    assert isinstance(answer, Boxes)
    assert (answer.width, answer.height) == (48, 40)
    return sorted(
        [box.label, box.score, *(int(edge) for edge in (box.left, box.top, box.right, box.bottom))]
        for box in answer.boxes
    )


def _text(answer: JobAnswer, text: str) -> object:
    assert isinstance(answer, Written)
    assert answer.reason in ("length", "complete")
    return text


Told = Callable[[JobAnswer, str], object]

ASKED: Sequence[tuple[str, str, Job[JobAnswer], Told]] = [
    *((family, "chat", CHAT, _text) for family in CAUSAL),
    *((family, "complete", Complete(TEXT, 12, 0.0), _text) for family in CAUSAL),
    ("bert", "fill", Fill(f"{TEXT} {BLANK}.", most=3), _fillings),
    ("bert_entities", "tag", Tag((TEXT,)), _entities),
    ("bert_embeddings", "embed", Embed((TEXT, OTHER)), _vectors),
    ("distilbert", "classify", Classify((TEXT, OTHER)), _labels),
    ("distilbert_answers", "extract", Extract(QUESTION, SAID), _span),
    ("roberta", "choose", Choose((TEXT,), LABELS), _labels),
    ("roberta", "choose several", Choose((TEXT,), LABELS, several=True), _labels),
    *((family, "rewrite", Rewrite(TEXT, max_tokens=12), _text) for family in ("t5", "bart", "marian")),
    ("m2m", "translate", Rewrite(TEXT, "translation", "en", "de", max_tokens=12), _text),
    ("vit", "classify-picture", ClassifyPicture(b"the picture"), _labels),
    ("detr", "detect", Detect(b"the picture", surety=0.3), _boxes),
    ("llava", "ask-picture", Describe(b"the picture", QUESTION, max_tokens=12), _text),
    ("blip", "describe", Describe(b"the picture", max_tokens=12), _text),
]


@pytest.mark.parametrize(("family", "kind", "job", "told"), ASKED, ids=[f"{asked[0]}-{asked[1]}" for asked in ASKED])
async def test_a_family_answers_as_transformers_does(
    family: str, kind: str, job: Job[JobAnswer], told: Told, inference: InferenceClient, made: Path, picture: bytes
) -> None:
    if isinstance(job, ClassifyPicture | Detect | Describe):
        job = type(job)(picture, *(getattr(job, name) for name in type(job).__slots__[1:]))
    text, answer = await inference.text(source(made, family), job)
    expected = json.loads((made / "expected.json").read_text())[family][kind]
    assert _near(told(answer, text)) == _near(sorted(expected) if isinstance(answer, Boxes) else expected)


def _near(value: object) -> object:
    """Return a nested value whose numbers compare with a tolerance of 0.001."""
    if isinstance(value, list):
        return [_near(item) for item in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value


@pytest.fixture
def guide() -> str:
    return (Path(__file__).parents[2] / "docs" / "models.md").read_text()


async def test_the_guide_lists_the_tested_families(guide: str) -> None:
    assert table() in guide
    checkpoints = {name: skill for made in FAMILIES.values() for name, skill in made.items()}
    asked = {family: job.skill for family, _, job, _ in ASKED} | {"whisper": "transcribe", "vits": "speak"}
    assert checkpoints == asked


async def test_simultaneous_answers_equal_single_ones(inference: InferenceClient, made: Path) -> None:
    jobs = [WriteAnswer((("user", f"{TEXT} {'Again. ' * number}"),), 10 + 9 * number, 0.0) for number in range(6)]
    for family in CAUSAL:
        model = source(made, family, at_once=4)
        alone = [await inference.text(model, job) for job in jobs]
        together = await asyncio.gather(*(inference.text(model, job) for job in jobs))
        assert together == alone
        assert len(set(alone)) > 1


async def rewritten(inference: InferenceClient, made: Path, family: str, text: str, **how: str) -> str:
    model = replace(source(made, family), prefix=how.pop("prefix", ""))
    return (await inference.text(model, Rewrite(text, **how, max_tokens=12)))[0]  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    ("how", "prefix"),
    [
        ({"purpose": "summarization"}, "sum up "),
        ({"purpose": "translation", "target": "fr"}, "in French "),
        ({"purpose": "translation", "source": "en", "target": "de-AT"}, "in German "),
        (
            {"purpose": "translation", "target": "es", "prefix": "{from} to {to}: ", "source": "en"},
            "English to Spanish: ",
        ),
    ],
)
async def test_texts_get_the_prefix_of_the_model(
    how: Mapping[str, str], prefix: str, inference: InferenceClient, made: Path
) -> None:
    plain = await rewritten(inference, made, "t5", TEXT)
    prefixed = await rewritten(inference, made, "t5", f"{prefix}{TEXT}")
    assert await rewritten(inference, made, "t5", TEXT, **how) == prefixed != plain


async def test_a_model_of_one_pair_accepts_its_languages(inference: InferenceClient, made: Path) -> None:
    plain = await rewritten(inference, made, "marian", TEXT)
    for how in ({}, {"target": "de"}, {"source": "en", "target": "deu"}):
        assert await rewritten(inference, made, "marian", TEXT, purpose="translation", **how) == plain


async def test_models_can_load_at_the_same_time(inference: InferenceClient, made: Path) -> None:
    jobs = {"gpt2": Complete(TEXT, 6, 0.0), "t5": Rewrite(TEXT, max_tokens=6), "bert": Fill(f"{TEXT} {BLANK}.")}
    for _ in range(3):
        for family in jobs:
            await inference.unload(source(made, family))
        await asyncio.gather(*(inference.text(source(made, family), job) for family, job in jobs.items()))


async def test_a_language_is_known_however_it_is_written(inference: InferenceClient, made: Path) -> None:
    for written in ("de", "DE", "de-AT"):
        answer = await inference.answer(source(made, "whisper"), Transcribe(tone(1), written))
        assert answer.language == "de"


async def test_one_who_leaves_changes_nothing_for_the_others(inference: InferenceClient, made: Path) -> None:
    model = source(made, "llama")
    staying = WriteAnswer((("user", OTHER),), 300, 0.0)
    alone = await inference.text(model, staying)
    others = [inference.run(model, WriteAnswer((("user", TEXT * number),), 400, 0.0)) for number in (1, 3)]
    running = asyncio.ensure_future(inference.text(model, staying))
    for other in others:
        assert [chunk async for chunk in _until_text(other)]
        await other.aclose()
    assert await running == alone


async def _until_text(chunks: AsyncGenerator[object]) -> AsyncGenerator[Text]:
    async for chunk in chunks:
        if isinstance(chunk, Text):
            yield chunk
            return


async def test_a_prompt_that_is_too_long_fails_alone(inference: InferenceClient, made: Path) -> None:
    model = source(made, "llama")
    answers = await asyncio.gather(
        inference.text(model, CHAT),
        inference.text(model, WriteAnswer((("user", LONG),), 12, 0.0)),
        inference.text(model, CHAT),
        return_exceptions=True,
    )
    assert isinstance(answers[1], ContextTooLong)
    assert answers[0] == answers[2] == await inference.text(model, CHAT)


END = "Bob cooked and ate in a dog house until the morning. " * 3


@pytest.mark.parametrize(
    ("family", "make"),
    [
        ("distilbert", lambda text: Classify((text,))),
        ("roberta", lambda text: Choose((text,), LABELS)),
        ("roberta", lambda text: Choose((text,), LABELS, several=True)),
        ("bert_embeddings", lambda text: Embed((text,))),
    ],
)
async def test_the_end_of_a_long_text_counts(
    family: str, make: Callable[[str], Job[JobAnswer]], inference: InferenceClient, made: Path
) -> None:
    async def told(text: str) -> object:
        answer = await inference.answer(source(made, family), make(text))
        return answer.rows[0] if isinstance(answer, Vectors) else _labels(answer, "")

    begins = LONG[: len(LONG) // 3]  # longer than the window of each model
    assert _near(await told(begins + END)) == await told(begins + END)
    assert _near(await told(begins + END)) != await told(begins + TEXT * 3)


async def test_a_long_texts_labels_are_its_windows_average(inference: InferenceClient, made: Path) -> None:
    for family in ("roberta", "distilbert"):
        job: Job[Labels] = Choose((LONG,), LABELS) if family == "roberta" else Classify((LONG,))
        (row,) = (await inference.answer(source(made, family), job)).rows
        assert sum(label.score for label in row) == pytest.approx(1, abs=1e-3)
    again = " ".join([OTHER] * 200)  # all of its windows have the same words
    (once,), (often,) = [
        (await inference.answer(source(made, "distilbert"), Classify((text,)))).rows for text in (again[:600], again)
    ]
    assert [label.name for label in once] == [label.name for label in often]
    assert often[0].score == pytest.approx(once[0].score, abs=0.05)


async def test_vectors_of_long_texts_are_normalised(inference: InferenceClient, made: Path) -> None:
    for row in (await inference.answer(source(made, "bert_embeddings"), Embed((TEXT, LONG, "", LONG + END)))).rows:
        assert math.hypot(*row) == pytest.approx(1, abs=1e-3)


async def test_a_blank_is_filled_wherever_it_stands(inference: InferenceClient, made: Path) -> None:
    near = f"{TEXT} Bob {BLANK} a dog. {TEXT}"
    for text in (f"{LONG} {near}", f"{near} {LONG}", f"{LONG} {near} {LONG}"):
        fillings = (await inference.answer(source(made, "bert"), Fill(text))).fillings
        assert fillings[0].text == text.replace(BLANK, fillings[0].word)


async def test_a_question_as_long_as_the_window_fails(inference: InferenceClient, made: Path) -> None:
    for family, job in (
        ("distilbert_answers", Extract(LONG, SAID)),
        ("roberta", Choose((TEXT,), (LONG, "music"))),
    ):
        with pytest.raises(Unavailable, match="too long"):
            await inference.answer(source(made, family), job)


@pytest.mark.parametrize(
    ("family", "good", "bad"),
    [
        ("llama", CHAT, WriteAnswer((("user", "this is flawed"),), 12, 0.0)),
        ("distilbert", Classify((TEXT, OTHER)), Classify((TEXT, "this is flawed"))),
    ],
)
async def test_an_error_of_the_network_fails_one_request(
    family: str, good: Job[JobAnswer], bad: Job[JobAnswer], inference: InferenceClient, made: Path
) -> None:
    model = source(made, family)
    alone = await inference.text(model, good)
    answers = await asyncio.gather(*(inference.text(model, job) for job in (good, bad, good)), return_exceptions=True)
    assert isinstance(answers[1], Unavailable)
    for text, answer in (answers[0], answers[2], await inference.text(model, good)):  # type: ignore[misc]  # no errors
        assert (text, _near(_plain(answer))) == (alone[0], _near(_plain(alone[1])))


def _plain(answer: JobAnswer) -> object:
    return _labels(answer, "") if isinstance(answer, Labels) else answer


async def test_a_long_job_reports_progress_every_second(inference: InferenceClient, made: Path) -> None:
    texts = tuple(f"{OTHER} {number}" for number in range(1_000))
    began = time.monotonic()
    async with aclosing(inference.run(source(made, "distilbert"), Classify(texts))) as chunks:
        told = [chunk.text async for chunk in chunks if isinstance(chunk, Status) and "read" in chunk.text]
    assert re.fullmatch(r"\d+ of 1000 parts read", told[0])
    assert len(told) <= 1 + time.monotonic() - began


async def test_texts_of_several_people_share_a_batch(inference: InferenceClient, made: Path) -> None:
    model = source(made, "distilbert")
    texts = [f"{TEXT} {'and sang ' * (number % 11)}" for number in range(40)]
    alone = [(await inference.answer(model, Classify((text,)))).rows[0] for text in texts]
    together = await asyncio.gather(*(inference.answer(model, Classify((text,))) for text in texts))
    at_once = await inference.answer(model, Classify(tuple(texts)))
    for answers in ([answer.rows[0] for answer in together], at_once.rows):
        for one, other in zip(answers, alone, strict=True):
            assert {label.name: pytest.approx(label.score, abs=1e-4) for label in other} == {
                label.name: label.score for label in one
            }


async def test_answers_are_found_anywhere_in_long_texts(inference: InferenceClient, made: Path) -> None:
    text = f"{LONG} {SAID} {LONG}"
    answer = await inference.answer(source(made, "distilbert_answers"), Extract(QUESTION, text, most=5))
    assert len(answer.spans) == 5
    assert all(text[span.start : span.end] == span.text for span in answer.spans)
    scores = [span.score for span in answer.spans]
    assert scores == sorted(scores, reverse=True)
    assert all(
        one.end <= other.start or other.end <= one.start
        for one in answer.spans
        for other in answer.spans
        if one is not other
    )


async def test_a_long_text_is_tagged_to_its_end(inference: InferenceClient, made: Path) -> None:
    (entities,) = (await inference.answer(source(made, "bert_entities"), Tag((LONG,)))).rows
    assert entities[-1].end > len(LONG) - 40
    assert [entity.start for entity in entities] == sorted({entity.start for entity in entities})


async def test_tokens_tell_where_they_stand(inference: InferenceClient, made: Path) -> None:
    cut = await inference.answer(source(made, "llama"), Tokens("A cat"))
    assert [token.text for token in cut.tokens] == ["A", " ", "c", "a", "t"]
    assert (cut.tokens[-1].start, cut.tokens[-1].end, cut.total, cut.context) == (4, 5, 5, 512)


async def test_only_the_first_tokens_are_returned(inference: InferenceClient, made: Path) -> None:
    cut = await inference.answer(source(made, "llama"), Tokens("A cat sat. " * 100_000, most=3))
    assert [token.text for token in cut.tokens] == ["A", " ", "c"]
    assert cut.total == 1_100_000


async def test_speech_becomes_text_however_long_it_is(inference: InferenceClient, made: Path) -> None:
    model = source(made, "whisper")
    text, answer = await inference.text(model, Transcribe(tone(65), "en", timestamps=True))
    assert answer.seconds == pytest.approx(65, abs=0.1)
    assert answer.language == "en"
    assert text.strip()
    assert answer.segments[-1].start >= 30
    assert all(one.start <= one.end <= 65 for one in answer.segments)
    assert [one.start for one in answer.segments] == sorted(one.start for one in answer.segments)
    heard = await inference.answer(model, Transcribe(tone(3)))
    assert heard.language in ("en", "de")
    assert heard.segments == ()


async def test_a_long_recording_holds_up_no_short_one(inference: InferenceClient, made: Path) -> None:
    model = source(made, "whisper")
    begun = asyncio.Event()

    async def listen() -> JobAnswer:
        async with aclosing(inference.run(model, Transcribe(tone(900), "en"))) as chunks:
            async for chunk in chunks:
                begun.set()
                if not isinstance(chunk, Text | Status):
                    return chunk
        raise AssertionError("no answer")

    long = asyncio.create_task(listen())
    await begun.wait()
    assert (await inference.answer(model, Transcribe(tone(3), "en"))).seconds == pytest.approx(3, abs=0.1)
    assert not long.done()
    long.cancel()
    await asyncio.wait([long])
    assert (await inference.answer(model, Transcribe(tone(2), "en"))).seconds == pytest.approx(2, abs=0.1)


PIPED: Mapping[str, tuple[str, Pipe, str]] = {
    "text-classification": ("distilbert", Pipe("", TEXT), "labels"),
    "token-classification": ("bert_entities", Pipe("", TEXT), "labels"),
    "fill-mask": ("bert", Pipe("", f"a {BLANK} sat."), "labels"),
    "text-generation": ("llama", Pipe("", TEXT), "text"),
    "zero-shot-classification": ("roberta", Pipe("", TEXT, labels=LABELS), "labels"),
    "text-to-audio": ("vits", Pipe("", "a cat sat"), "files"),
    "audio-classification": ("wav2vec2", Pipe("", data=b"the sound"), "labels"),
    "automatic-speech-recognition": ("whisper", Pipe("", data=tone(2)), "text"),
    "zero-shot-audio-classification": ("clap", Pipe("", data=b"the sound", labels=LABELS), "labels"),
    "image-classification": ("vit", Pipe("", data=b"the picture"), "labels"),
    "image-segmentation": ("segformer", Pipe("", data=b"the picture"), "files"),
    "object-detection": ("detr", Pipe("", data=b"the picture"), "boxes"),
    "depth-estimation": ("glpn", Pipe("", data=b"the picture"), "files"),
    "image-text-to-text": ("llava", Pipe("", QUESTION, b"the picture"), "text"),
    "document-question-answering": ("donut", Pipe("", QUESTION, b"the picture"), "text"),
    "zero-shot-image-classification": ("clip", Pipe("", data=b"the picture", labels=LABELS), "labels"),
    "zero-shot-object-detection": ("owlvit", Pipe("", data=b"the picture", labels=LABELS), "boxes"),
    "video-classification": ("videomae", Pipe("", data=b"the video"), "labels"),
}
"""Checkpoint, job and field of the output for each pipeline."""


@pytest.fixture(scope="session")
def video() -> bytes:
    """Return a second of video with a growing square."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=12)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            shot = np.zeros((48, 64, 3), dtype=np.uint8)
            shot[: 4 * number, : 4 * number] = (255, 200, 0)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shot, format="rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


Piping = Callable[[str, str, Pipe], Awaitable[PipelineOutput]]


@pytest.fixture
def run(inference: InferenceClient, made: Path, picture: bytes, video: bytes) -> Piping:
    async def run(pipeline: str, family: str, job: Pipe) -> PipelineOutput:
        data = {b"the picture": picture, b"the video": video, b"the sound": (made / "tone.wav").read_bytes()}.get(
            job.data, job.data
        )
        job = replace(job, pipeline=pipeline, data=data)
        return await inference.answer(replace(source(made, family), pipeline=pipeline), job)

    return run


@pytest.mark.parametrize("pipeline", PIPELINES)
async def test_every_pipeline_runs(pipeline: str, run: Piping, made: Path) -> None:
    family, job, where = PIPED[pipeline]
    found = getattr(await run(pipeline, family, job), where)
    assert found
    expected = json.loads((made / "expected.json").read_text())[family].get("run")
    if expected is not None and where in ("labels", "boxes"):
        assert [[one.name if where == "labels" else one.label, one.score] for one in found] == _near(expected)
    elif expected is not None:
        assert (found if where == "text" else [one.name for one in found]) == expected


async def test_a_pipeline_agrees_with_the_similar_skill(
    run: Piping, inference: InferenceClient, made: Path, picture: bytes
) -> None:
    output = await run("image-classification", "vit", Pipe("", data=picture))
    own = await inference.answer(source(made, "vit"), ClassifyPicture(picture))
    assert [label.name for label in output.labels] == [label.name for label in own.rows[0]]
    blank = await run("fill-mask", "bert", Pipe("", "a ___ sat."))
    assert blank == await run("fill-mask", "bert", Pipe("", "a [MASK] sat."))
    assert (await run("text-generation", "llama", Pipe("", TEXT))).text.startswith(TEXT)


@pytest.mark.parametrize(
    ("family", "pipeline", "complaint"),
    [
        ("vit", "mask-making", "'mask-making' is not supported"),
        ("vit", "text-generation", "kind vit does not fit the pipeline text-generation"),
        ("bert", "text-classification", "not trained for text-classification"),
        ("distilbert", "zero-shot-classification", "only its own labels .*NEGATIVE"),
        ("llama", "fill-mask", "kind llama does not fit the pipeline fill-mask"),
    ],
)
async def test_an_unsuitable_pipeline_is_refused(family: str, pipeline: str, complaint: str, run: Piping) -> None:
    with pytest.raises(Refused, match=complaint):
        await run(pipeline, family, Pipe("", TEXT, labels=LABELS))


async def test_a_refused_pipeline_unloads_no_model(made: Path, tmp_path: Path, picture: bytes) -> None:
    size = (made / "vit" / "model.safetensors").stat().st_size
    process = ModelProcess(tmp_path, {**os.environ, "HF_HUB_OFFLINE": "1"}, memory=size)
    crowded = InferenceClient(process)
    try:
        await crowded.answer(source(made, "vit"), ClassifyPicture(picture))
        wrong = replace(source(made, "distilbert"), pipeline="depth-estimation")
        with pytest.raises(Refused, match="does not fit the pipeline"):
            await crowded.answer(wrong, Pipe("depth-estimation", data=picture))
        assert [Path(one.source.model).name for one in (await crowded.look()).models] == ["vit"]
    finally:
        await process.aclose()


async def test_an_unreadable_input_of_a_pipeline_fails(run: Piping) -> None:
    for family, pipeline, job, complaint in (
        ("bert", "fill-mask", Pipe("", "no blank"), "Write a blank as ___"),
        ("videomae", "video-classification", Pipe("", data=b"no video"), "read this video"),
        ("videomae", "video-classification", Pipe("", data=tone(1)), "has no pictures"),
    ):
        with pytest.raises(Unavailable, match=complaint):
            await run(pipeline, family, job)


def recorded(form: str, codec: str) -> bytes:
    """Return two seconds of the tone in a format of people's devices."""
    file = io.BytesIO()
    with av.open(io.BytesIO(tone(2, 48_000)), "r") as source, av.open(file, "w", format=form) as out:
        stream = out.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("form", "codec"), [("ogg", "libopus"), ("mp4", "aac"), ("webm", "libopus"), ("mp3", "mp3")])
async def test_every_usual_kind_of_recording_is_heard(
    form: str, codec: str, inference: InferenceClient, made: Path
) -> None:
    answer = await inference.answer(source(made, "whisper"), Transcribe(recorded(form, codec), "en"))
    assert answer.seconds == pytest.approx(2, abs=0.1)


async def test_a_text_becomes_speech(inference: InferenceClient, made: Path) -> None:
    short = await inference.answer(source(made, "vits"), Speak("a cat sat"))
    longer = await inference.answer(source(made, "vits"), Speak("a cat sat. and then a dog sat\nwhy not"))
    assert isinstance(short, Sound)
    with wave.open(io.BytesIO(longer.data)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, longer.rate)
        assert file.getnframes() / longer.rate == pytest.approx(longer.seconds, abs=0.01)
    assert longer.seconds > short.seconds > 0
    assert not any((made / "vits").glob("*.bin"))


@pytest.mark.parametrize(
    ("family", "job", "complaint"),
    [
        ("bert_embeddings", WriteAnswer((("user", "hi"),)), r"\(BertModel\) was not trained to write"),
        ("bert", Classify(("hi",)), "not trained to classify"),
        ("gpt2", Rewrite("hi"), "not trained to rewrite"),
        ("distilbert", Choose(("hi",), LABELS), "only its own labels .*NEGATIVE"),
        ("whisper", Transcribe(tone(1), "xx"), "does not know the language 'xx'.*German, English"),
        ("whisper", Speak("hi"), "VITS"),
        ("bart", Rewrite("hi", target="de"), "does not list its languages. Ask again without German"),
        ("m2m", Rewrite("hi", target="tlh"), "does not know Klingon. It knows: Afrikaans, "),
        ("marian", Rewrite("hi", "translation", target="fr"), "translates English into German"),
        ("t5", Rewrite("hi", "translation"), "English into German, English into French.*`to`"),
        ("vit", Describe(b""), "not trained to describe"),
    ],
)
async def test_an_unsupported_job_is_refused(
    family: str, job: Job[JobAnswer], complaint: str, inference: InferenceClient, made: Path
) -> None:
    with pytest.raises(Refused, match=complaint):
        await inference.answer(source(made, family), job)


@pytest.mark.parametrize(
    ("family", "job", "complaint"),
    [
        ("vit", ClassifyPicture(b"no picture"), "read this picture.*PNG, JPEG,"),
        ("vit", ClassifyPicture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n"), "read this picture"),
        ("vit", ClassifyPicture(header(9_000, 9_000)), "too large: 9,000 × 9,000 pixels"),
        ("vit", ClassifyPicture(header(60_000, 60_000)), "too large: it has more than 50,000,000 pixels"),
        ("detr", Detect(header(2_000, 1)), "read this picture"),
        (
            "blip",
            Describe(b"the picture", "who sang " * 60),
            "The question has 122 tokens; this model reads 64 at once",
        ),
        ("whisper", Transcribe(b"no sound"), "read this audio file"),
        ("vits", Speak("a", voice="3"), "one voice; it has no voice “3”"),
        ("bert", Fill("there is none"), "exactly one blank"),
    ],
)
async def test_an_unreadable_input_fails(
    family: str, job: Job[JobAnswer], complaint: str, inference: InferenceClient, made: Path, picture: bytes
) -> None:
    if isinstance(job, Describe):
        job = replace(job, data=picture)
    with pytest.raises(Unavailable, match=complaint):
        await inference.answer(source(made, family), job)


async def test_a_description_ends_with_the_models_positions(
    inference: InferenceClient, made: Path, picture: bytes
) -> None:
    for job in (Describe(picture), Describe(picture, QUESTION), Describe(picture, max_tokens=500)):
        text, answer = await inference.text(source(made, "blip"), job)
        assert text
        assert answer.completion_tokens <= 64
    _, answer = await inference.text(source(made, "bart"), Rewrite(TEXT, max_tokens=5_000))
    assert answer.completion_tokens <= 256


async def test_special_tokens_in_a_question_are_text(inference: InferenceClient, made: Path, picture: bytes) -> None:
    for question in ("What is <image>?", "half \ud83d of it"):
        assert (await inference.text(source(made, "llava"), Describe(picture, question, max_tokens=5)))[0]
    assert (await inference.answer(source(made, "distilbert"), Classify(("half \ud83d",)))).rows


async def test_a_pipeline_refuses_texts_that_are_too_long(run: Piping) -> None:
    for family, pipeline, job in (
        ("distilbert", "text-classification", Pipe("", LONG)),
        ("bert_entities", "token-classification", Pipe("", LONG)),
        ("roberta", "zero-shot-classification", Pipe("", LONG, labels=LABELS)),
        ("clip", "zero-shot-image-classification", Pipe("", data=b"the picture", labels=(LONG, "cat"))),
        ("llama", "text-generation", Pipe("", LONG)),
    ):
        with pytest.raises(Unavailable, match="The text is too long"):
            await run(pipeline, family, job)
    assert (await run("text-generation", "gpt2", Pipe("", LONG[:400]))).text


async def test_errors_of_libraries_become_sentences(run: Piping) -> None:
    with pytest.raises(Unavailable, match=f"^{re.escape(TOO_SHORT)}$"):
        await run("audio-classification", "wav2vec2", Pipe("", data=tone(0.0001)))


async def test_support_of_tools_is_detected(inference: InferenceClient, made: Path) -> None:
    told = []
    for family in ("llama", "qwen"):
        async with aclosing(inference.warm(source(made, family), "write")) as chunks:
            told += [chunk.tools async for chunk in chunks if isinstance(chunk, Ready)]
    assert told == [True, False]


async def test_an_endless_template_fails_only_its_request(
    inference: InferenceClient, made: Path, tmp_path: Path
) -> None:
    for file in (made / "llama").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    (tmp_path / "chat_template.jinja").write_text(rows + "{% endfor %}" * 3)
    endless = ModelSource(str(tmp_path), threads=1)
    slow = asyncio.ensure_future(inference.text(endless, CHAT))
    expected = json.loads((made / "expected.json").read_text())["gpt2"]["chat"]
    assert (await inference.text(source(made, "gpt2"), CHAT))[0] == expected
    with pytest.raises(Refused, match="did not end within"):
        await slow
    assert (await inference.text(endless, Complete(TEXT, 3, 0.0)))[1].completion_tokens == 3


@pytest.mark.parametrize("large", ["'a' * 10**10", "10**10 * ['a']", "10 ** (10**10)"])
async def test_a_template_that_fills_the_memory_is_refused(
    inference: InferenceClient, made: Path, tmp_path: Path, large: str
) -> None:
    for file in (made / "llama").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(f"{{{{ {large} }}}}")
    with pytest.raises(Refused, match="too large"):
        await inference.text(ModelSource(str(tmp_path), threads=1), CHAT)


async def test_a_template_reaches_nothing_outside_its_sandbox(
    inference: InferenceClient, made: Path, tmp_path: Path
) -> None:
    for file in (made / "llama").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    escape = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    (tmp_path / "chat_template.jinja").write_text(escape)
    with pytest.raises(Refused, match="unsafe"):
        await inference.text(ModelSource(str(tmp_path), threads=1), CHAT)


async def test_int8_weights_are_smaller_and_nearly_exact(inference: InferenceClient, made: Path) -> None:
    exact, small = (
        ModelSource(str(made / "bert_embeddings"), threads=1, quantise=quantise, dtype="float32")
        for quantise in ("none", "int8")
    )
    vectors = [(await inference.answer(model, Embed((TEXT,)))).rows[0] for model in (exact, small)]
    assert 0.99 < sum(one * other for one, other in zip(*vectors, strict=True)) < 1.0 - 1e-9
    sizes = {model.source: model.ready for model in (await inference.look()).models}
    assert sizes[small].bytes < 0.8 * sizes[exact].bytes
    assert (sizes[small].dtype, sizes[exact].dtype) == ("int8", "float32")


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"device": "mps"}, "PyTorch finds no Apple GPU"),
        ({"quantise": "int8", "dtype": "bfloat16"}, "int8 weights need"),
    ],
)
async def test_missing_hardware_is_reported(
    how: Mapping[str, str], complaint: str, inference: InferenceClient, made: Path
) -> None:
    model = ModelSource(str(made / "gpt2"), **how)  # type: ignore[arg-type]  # a table of keywords
    with pytest.raises(Refused, match=complaint):
        await inference.text(model, CHAT)
