"""A task under way: its steps, one after the other, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bot.chat.answer_length import LONGEST_OF_TASK
from bot.chat.completion import Completion
from bot.chat.reasoning import ReasoningDisplay
from bot.interfaces import jobs
from bot.interfaces.errors import ContextTooLong, UserError
from bot.interfaces.jobs import Written
from bot.interfaces.replies import Chunk, File, Note, Status, Text, Thought, Usage
from bot.tasks.engine.models import SMALLEST_ROOM, TaskEvents, TaskModel
from bot.tasks.engine.task import JobStep, Step, StepResult, Steps, TaskInput, ThreadStep

LARGEST = 24 << 20
"""Bytes of a file in an answer."""

LENGTH_NOTE = "The model stopped at its longest answer, so the end is missing."

LONGEST_NOTE = f"The answer is longer than {LONGEST_OF_TASK:,} characters, so the end is missing. Give less at a time."


class TaskRun:
    """Hand every event of what `events` returns to `take`, until it returns None.

    `length` is how much the answer has, in characters and files; a `full` one takes no more. `usage` and `cut_off` are
    what the model used, and whether it stopped before the end of what is shown.
    """

    def __init__(
        self, steps: Callable[[TaskInput], Steps[None]], given: TaskInput, model: TaskModel, *, thinking: bool
    ) -> None:
        self.usage = Usage()
        self.cut_off = False
        self.length = 0
        self.full = False
        self._steps = steps
        self._given = given
        self._model = model
        self._thinking = thinking
        self._begin()

    def _begin(self) -> None:
        self._under_way = self._steps(self._given)
        self._step: Step | None = None
        self._result = StepResult()
        self._pieces: list[str] = []
        self._written = False

    def shorten(self, error: ContextTooLong) -> None:
        """Begin again with smaller pieces. Raises the error where text is shown already, or the pieces are small."""
        if self._written or self._given.room < 2 * SMALLEST_ROOM:
            raise error
        self._given = replace(self._given, room=self._given.room // 2)
        self._begin()

    async def events(self) -> TaskEvents | None:
        """Take steps until a model has to be asked or something is to be shown; None after the last one."""
        while not self.full:
            try:
                self._step = self._under_way.send(self._result) if self._step else next(self._under_way)
            except StopIteration:
                break
            self._result, self._pieces = StepResult(), []
            match self._step:
                case JobStep(job):
                    self._reasoning = ReasoningDisplay(shown=self._thinking)
                    return self._model.do(job)
                case ThreadStep(call):
                    await call()
                case shown:
                    return _only(shown)
        return None

    def take(self, event: Chunk | Completion | jobs.JobAnswer) -> Iterator[Chunk]:
        """Yield what is shown of an event, and keep what the next step has to know."""
        if isinstance(event, Completion):
            used, reason = event.done.usage, event.done.reason
            end = Written("length" if reason == "length" else "complete", used.prompt_tokens, used.completion_tokens)
            self._finish(end)
            yield from map(Note, event.warnings)
        elif isinstance(event, jobs.JobAnswer):
            self._finish(event)
        elif isinstance(self._step, JobStep):
            for chunk in self._reasoning.drawn(event):
                yield from self._take_of_job(self._step, chunk)
        else:
            yield from self._show(event)

    def _finish(self, answer: jobs.JobAnswer) -> None:
        """Keep a job's answer and count it."""
        self._result = StepResult("".join(self._pieces), answer)
        if isinstance(answer, Written):
            prompt, completion = self.usage.prompt_tokens, self.usage.completion_tokens
            self.usage = Usage(prompt + answer.prompt_tokens, completion + answer.completion_tokens)
            aloud = isinstance(self._step, JobStep) and self._step.aloud
            self.cut_off = self.cut_off or (aloud and answer.reason == "length")

    def _take_of_job(self, step: JobStep, chunk: Chunk) -> Iterator[Chunk]:
        """Yield what is shown of a model's work; its words only where the step is aloud."""
        if isinstance(chunk, Text):
            if step.before and not self._pieces:
                yield from self._show(Text(step.before))
            self._pieces.append(chunk.text)
        if isinstance(chunk, Status | Note) or (step.aloud and isinstance(chunk, Text | Thought)):
            yield from self._show(chunk)

    def _show(self, chunk: Chunk) -> Iterator[Chunk]:
        """Yield a chunk as far as the answer has room. Raises UserError for a file that is too large."""
        if self.full:
            return
        if isinstance(chunk, File):
            if len(chunk.content) > LARGEST:
                raise UserError(f"What came of it is too large for a file: {len(chunk.content) >> 20} MiB.")
            self.length += 1
        elif isinstance(chunk, Text):
            self._written = True
            self.length += len(chunk.text)
            self.full = self.length > LONGEST_OF_TASK
            if self.full:
                yield Text(chunk.text[: LONGEST_OF_TASK - self.length])
                yield Note(LONGEST_NOTE)
                return
        yield chunk


async def _only(chunk: Chunk) -> TaskEvents:
    yield chunk
