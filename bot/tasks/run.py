"""run: run any model of the catalogue on the input as it stands."""

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
from bot.tasks.engine.steps import ask, compute, run_outside, show
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.tasks.similar import MOST_TEXTS
from bot.utils.files import boxed
from bot.utils.formatting import bars
from bot.utils.languages import language_code


def _rewrite(task_input: TaskInput) -> Steps[None]:
    yield from show(
        Rewrite(task_input.text, "", language_code(task_input.option("from")), language_code(task_input.option("to")))
    )


def _embed(task_input: TaskInput) -> Steps[None]:
    texts = task_input.texts(MOST_TEXTS)
    vectors = yield from ask(Embed(tuple(texts)))
    yield Text(f"{len(texts)} × {vectors.dimensions} numbers, one vector a line.")
    yield (yield from compute(lambda: compressed("vectors.json", _vectors_file(texts, vectors), "The vectors as JSON")))


def _vectors_file(texts: Sequence[str], vectors: Vectors) -> bytes:
    """Return the texts and their vectors as JSON, with the seven digits that a 32-bit number has."""
    rows = (f"[{', '.join(f'{number:.7g}' for number in row)}]" for row in vectors.each())
    lines = (f'{{"text": {json.dumps(text)}, "vector": {row}}}' for text, row in zip(texts, rows, strict=True))
    return ("[" + ",\n".join(lines) + "]").encode()


EMPTY_OUTPUT = PipelineOutput("", (), (), ())


def _pipe(task_input: TaskInput) -> Steps[None]:
    pipeline, question = PIPELINES[task_input.pipeline], task_input.option("question")
    labels = tuple(label.strip() for label in task_input.option("labels").split(",") if label.strip())
    if pipeline.labels and not labels:
        raise UserError("This pipeline needs labels. Add them with commas, such as `labels:cat,dog`.")
    if pipeline.question and not question:
        raise UserError("This pipeline needs a question. Add one, such as `question:What is the total?`.")
    text = task_input.text if pipeline.feed == "text" else question or task_input.option("text")
    output = yield from ask(Pipe(task_input.pipeline, text, task_input.data, labels))
    if output == EMPTY_OUTPUT:
        yield Text("The pipeline returned an empty result. Try another input.")
    yield Text(output.text)
    if output.labels:
        yield Text(f"\n{bars([(label.name, label.score) for label in output.labels])}")
    if output.boxes and task_input.file:
        yield Text(f"\n{detect.object_table(output.boxes)}")
        yield File(
            "boxes.png", (yield from run_outside(lambda: boxed(task_input.data, output.boxes))), "The image with boxes"
        )
    for file in output.files:
        yield File(f"{file.name}.{file.media_type.rpartition('/')[2]}", file.data, file.name)


def _describe(task_input: TaskInput) -> Steps[None]:
    yield from (ask_image if task_input.option("question") else describe).TASK.steps(task_input)


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


def _steps(task_input: TaskInput) -> Steps[None]:
    assert task_input.skill
    yield from STEPS[task_input.skill](task_input)


TASK = Task(
    "run",
    "Run any model of the catalogue on a text or a file",
    None,
    _steps,
    own=(
        Option("model", "The model", required=True, suggested=True),
        Option("kind", "The kind of work, for models that do several", choices=KINDS, named=True),
        Option("pipeline", "A pipeline of transformers, such as image-segmentation", named=True, suggested=True),
        Option("question", "A question, for models that answer one", named=True),
        Option("labels", "The labels, separated by commas, for models that choose one", named=True),
        Option("from", "The language of the text, for models of several languages", named=True),
        Option("to", "The language of the result, for models of several languages", named=True),
    ),
)
