"""Run the steps of a task, one after the other."""

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

LARGEST_FILE = 24 << 20
"""The most bytes of a file in an answer."""

LENGTH_NOTE = "The model reached its length limit, so the end is missing. Give less text at a time."

LONGEST_NOTE = (
    f"The answer is longer than {LONGEST_OF_TASK:,} characters, so the end is missing. Give less text at a time."
)


class TaskRun:
    """A run of a task's steps. Pass every event of each `events` to `take`, until `events` returns None.

    `length` is the length of the answer in characters and files; a `full` answer takes no more. `usage` is the model's
    usage, and `cut_off` is True if the model stopped before the end of a shown text.
    """

    def __init__(
        self, steps: Callable[[TaskInput], Steps[None]], task_input: TaskInput, model: TaskModel, *, thinking: bool
    ) -> None:
        self.usage = Usage()
        self.cut_off = False
        self.length = 0
        self.full = False
        self._steps = steps
        self._task_input = task_input
        self._model = model
        self._thinking = thinking
        self._begin()

    def _begin(self) -> None:
        self._running_steps = self._steps(self._task_input)
        self._step: Step | None = None
        self._result = StepResult()
        self._pieces: list[str] = []
        self._written = False

    def shorten(self, error: ContextTooLong) -> None:
        """Start again with smaller chunks. Raises the error if text is shown already, or the chunks are small."""
        if self._written or self._task_input.room < 2 * SMALLEST_ROOM:
            raise error
        self._task_input = replace(self._task_input, room=self._task_input.room // 2)
        self._begin()

    async def events(self) -> TaskEvents | None:
        """Return the events of the next job or shown chunk; None after the last step."""
        while not self.full:
            try:
                self._step = self._running_steps.send(self._result) if self._step else next(self._running_steps)
            except StopIteration:
                break
            self._result, self._pieces = StepResult(), []
            match self._step:
                case JobStep(job):
                    self._reasoning = ReasoningDisplay(shown=self._thinking)
                    return self._model.do(job)
                case ThreadStep(call):
                    await call()
                case chunk:
                    return _only(chunk)
        return None

    def take(self, event: Chunk | Completion | jobs.JobAnswer) -> Iterator[Chunk]:
        """Yield the shown chunks of an event, and keep its result for the next step."""
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
        """Keep a job's answer and count its usage."""
        self._result = StepResult("".join(self._pieces), answer)
        if isinstance(answer, Written):
            prompt, completion = self.usage.prompt_tokens, self.usage.completion_tokens
            self.usage = Usage(prompt + answer.prompt_tokens, completion + answer.completion_tokens)
            is_shown = isinstance(self._step, JobStep) and self._step.shown
            self.cut_off = self.cut_off or (is_shown and answer.reason == "length")

    def _take_of_job(self, step: JobStep, chunk: Chunk) -> Iterator[Chunk]:
        """Yield the shown chunks of a job; its text only if the step is shown."""
        if isinstance(chunk, Text):
            if step.before and not self._pieces:
                yield from self._show(Text(step.before))
            self._pieces.append(chunk.text)
        if isinstance(chunk, Status | Note) or (step.shown and isinstance(chunk, Text | Thought)):
            yield from self._show(chunk)

    def _show(self, chunk: Chunk) -> Iterator[Chunk]:
        """Yield a chunk if the answer has room. Raises UserError for a file that is too large."""
        if self.full:
            return
        if isinstance(chunk, File):
            if len(chunk.content) > LARGEST_FILE:
                raise UserError(
                    f"The result is too large for a file: {len(chunk.content) >> 20} MiB. Give less at a time."
                )
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
