"""entities: the people, places and organisations that a text names."""

from __future__ import annotations

from bot.interfaces.jobs import Tag
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, instruct_in_pieces
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import markdown_table

NAMES = {"PER": "person", "LOC": "place", "ORG": "organisation", "MISC": "other"}
"""What the labels mean that most models share."""

MOST_ROWS = 40


def _steps(given: TaskInput) -> Steps[None]:
    found = (yield from ask(Tag((given.text,)))).rows[0]
    if not found:
        yield Text("The text names nothing that the model knows.")
        return
    together: dict[tuple[str, str], list[float]] = {}
    for entity in found:
        together.setdefault((entity.text, NAMES.get(entity.label, entity.label.lower())), []).append(entity.score)
    rows = [(name, kind, str(len(scores)), f"{max(scores):.0%}") for (name, kind), scores in together.items()]
    yield Text(markdown_table(("name", "kind", "times", "surety"), rows[:MOST_ROWS]))
    if len(rows) > MOST_ROWS:
        yield Text(f"\nThe first {MOST_ROWS} of {len(rows)}.")


def _instructed(given: TaskInput) -> Steps[None]:
    instruction = "List the people, places, organisations and dates that the text names, as: name (kind), one a line."
    yield from instruct_in_pieces(instruction, given)


TASK = Task(
    "entities",
    "The people, places and organisations that a text names",
    "tag",
    _steps,
    _instructed,
    model="dslim/bert-base-NER",
    shortcut="Find names",
)
