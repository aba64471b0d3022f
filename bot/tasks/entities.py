"""entities: list the people, places and organisations that a text names."""

from __future__ import annotations

from bot.interfaces.jobs import Tag
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, instruct_in_pieces
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import markdown_table

NAMES = {"PER": "person", "LOC": "place", "ORG": "organisation", "MISC": "other"}
"""The plain words for the labels that most models share."""

MOST_ROWS = 40


def _steps(task_input: TaskInput) -> Steps[None]:
    found = (yield from ask(Tag((task_input.text,)))).rows[0]
    if not found:
        yield Text("The model found no names in the text.")
        return
    together: dict[tuple[str, str], list[float]] = {}
    for entity in found:
        together.setdefault((entity.text, NAMES.get(entity.label, entity.label.lower())), []).append(entity.score)
    rows = [(name, kind, str(len(scores)), f"{max(scores):.0%}") for (name, kind), scores in together.items()]
    yield Text(markdown_table(("name", "kind", "count", "surety"), rows[:MOST_ROWS]))
    if len(rows) > MOST_ROWS:
        yield Text(f"\nThese are the first {MOST_ROWS} of {len(rows)}.")


def _instructed(task_input: TaskInput) -> Steps[None]:
    instruction = "List the people, places, organisations and dates that the text names, as: name (kind), one a line."
    yield from instruct_in_pieces(instruction, task_input)


TASK = Task(
    "entities",
    "List the people, places and organisations that a text names",
    "tag",
    _steps,
    _instructed,
    model="dslim/bert-base-NER",
    shortcut="Find names",
)
