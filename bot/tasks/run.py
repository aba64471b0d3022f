"""run: whatever a model of the catalogue was made for, without a task's wording around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from bot.administration.export_file import compressed
from bot.inference.pipelines import PIPELINES
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Embed, Pipe, PipelineOutput, Rewrite, Skill, Vectors
from bot.interfaces.replies import File, Text
from bot.tasks import (
    answer,
    ask_image,
    classify,
    classify_image,
    complete,
    describe,
    detect,
    entities,
    fill,
    paint,
    speak,
    transcribe,
)
from bot.tasks.engine.steps import apart, ask, elsewhere, say
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.tasks.similar import MOST_TEXTS
from bot.utils.files import boxed
from bot.utils.formatting import bars
from bot.utils.languages import language_code


def _rewrite(given: TaskInput) -> Steps[None]:
    yield from say(Rewrite(given.text, "", language_code(given.option("from")), language_code(given.option("to"))))


def _embed(given: TaskInput) -> Steps[None]:
    texts = given.texts(MOST_TEXTS)
    vectors = yield from ask(Embed(tuple(texts)))
    yield Text(f"{len(texts)} × {vectors.dimensions} numbers, one vector for each line.")
    yield (yield from apart(lambda: compressed("vectors.json", _written(texts, vectors), "The vectors")))


def _written(texts: Sequence[str], vectors: Vectors) -> bytes:
    """Texts with their vectors as JSON, to as many digits as the numbers have."""
    rows = (f"[{', '.join(f'{number:.7g}' for number in row)}]" for row in vectors.each())
    lines = (f'{{"text": {json.dumps(text)}, "vector": {row}}}' for text, row in zip(texts, rows, strict=True))
    return ("[" + ",\n".join(lines) + "]").encode()


NOTHING = PipelineOutput("", (), (), ())


def _pipe(given: TaskInput) -> Steps[None]:
    pipeline, asked = PIPELINES[given.pipeline], given.option("question")
    labels = tuple(label.strip() for label in given.option("labels").split(",") if label.strip())
    if pipeline.labels and not labels:
        raise UserError("Give the labels to choose from, with commas between them, such as `labels:cat,dog`.")
    if pipeline.question and not asked:
        raise UserError("Ask something about it, such as `question:What is the total?`.")
    text = given.text if pipeline.feed == "text" else asked or given.option("text")
    found = yield from ask(Pipe(given.pipeline, text, given.data, labels))
    if found == NOTHING:
        yield Text("The pipeline found nothing.")
    yield Text(found.text)
    if found.labels:
        yield Text(f"\n{bars([(label.name, label.score) for label in found.labels])}")
    if found.boxes and given.file:
        yield Text(f"\n{detect.things(found.boxes)}")
        yield File(
            "boxes.png", (yield from elsewhere(lambda: boxed(given.data, found.boxes))), "The picture with boxes"
        )
    for shown in found.files:
        yield File(f"{shown.name}.{shown.media_type.rpartition('/')[2]}", shown.data, shown.name)


def _describe(given: TaskInput) -> Steps[None]:
    yield from (ask_image if given.option("question") else describe).TASK.steps(given)


STEPS: Mapping[Skill, Callable[[TaskInput], Steps[None]]] = {
    "write": complete.TASK.steps,
    "rewrite": _rewrite,
    "classify": classify.TASK.steps,
    "extract": answer.TASK.steps,
    "tag": entities.TASK.steps,
    "fill": fill.TASK.steps,
    "embed": _embed,
    "transcribe": transcribe.TASK.steps,
    "speak": speak.TASK.steps,
    "classify-picture": classify_image.TASK.steps,
    "detect": detect.TASK.steps,
    "describe": _describe,
    "paint": paint.TASK.steps,
    "run": _pipe,
}


KINDS = tuple(skill for skill in get_args(Skill) if skill != "run")


def _steps(given: TaskInput) -> Steps[None]:
    assert given.skill
    yield from STEPS[given.skill](given)


TASK = Task(
    "run",
    "Run any model on a text or a file, as it was made",
    None,
    _steps,
    own=(
        Option("model", "Which model", required=True, suggested=True),
        Option("kind", "What it is to do, where it can do several things", choices=KINDS, named=True),
        Option("pipeline", "Or one of transformers' own, such as image-segmentation", named=True, suggested=True),
        Option("question", "For models that answer questions", named=True),
        Option("labels", "For models that choose: the labels, with commas between them", named=True),
        Option("from", "For models of several languages", named=True),
        Option("to", "For models of several languages", named=True),
    ),
)
