"""answer with the bundled embedder: the sentence of a text that is nearest to a question, quoted; or that none is.

The constants were chosen on benchmarks/data/answer-dev.jsonl.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.interfaces.errors import UserError
from bot.interfaces.replies import Text
from bot.tasks.engine.bundled_jobs import embeddings, similarity
from bot.tasks.engine.sentences import Sentence, spoken
from bot.tasks.engine.steps import compute
from bot.tasks.engine.task import Steps, TaskInput, TextSource

MOST_SENTENCES = 2000
"""Sentences of one text; so many take the embedder about 15 seconds on one core."""

THRESHOLD = 0.5
"""Scores below this mean that the text does not answer the question."""

_SHARED = 0.2
"""Weight of the share of the question's words that the sentence has."""

_STEM = 5
"""Letters by which words are compared: "deploy" and "deployed" are the same."""

_WORD = re.compile(r"\w{3,}")
_FUNCTION_WORD = re.compile(
    "the|are|was|were|and|for|does|did|you|they|she|who|whom|what|when|where|which|how|why|long|much|many|there|with|that"
    "|this|should|must|can|may|our|your|not"
)
_BRACKETS = re.compile(r"[\[\]()]")
NOT_FOUND = "This text does not answer the question, as far as I can tell. I only quote: a larger model may find more."


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence with its score, from about 0 to 1.2."""

    sentence: Sentence
    score: float


def answered(given: TaskInput) -> Steps[None]:
    """Quote the sentence that answers the question, with its source; say so where none does."""
    best = yield from best_passage(given.option("question"), given)
    if best is None or best.score < THRESHOLD:
        yield Text(NOT_FOUND)
        return
    quote = "\n".join(f"> {line}" for line in best.sentence.text.splitlines())
    yield Text(quote + _credit(given.source(best.sentence.start), best.sentence))


def best_passage(question: str, given: TaskInput) -> Steps[Passage | None]:
    """Return the sentence nearest to a question, whatever its score. Raises UserError for too many sentences."""
    found = yield from compute(lambda: _sentences(given))
    if len(found) > MOST_SENTENCES:
        raise UserError(f"That is more than {MOST_SENTENCES:,} sentences to search. Give me less text at a time.")
    if not found:
        return None
    asked, *vectors = yield from embeddings((question, *(sentence.named for sentence in found)))
    wanted = _stems(question)
    passages = [
        Passage(sentence, similarity(asked, vector) + _SHARED * _share(wanted, sentence.named))
        for sentence, vector in zip(found, vectors, strict=True)
    ]
    return max(passages, key=lambda passage: passage.score)


def _sentences(given: TaskInput) -> Sequence[Sentence]:
    """Return the sentences that say something: questions are only quoted where there is nothing else."""
    found = spoken(given)
    statements = [sentence for sentence in found if not sentence.text.endswith("?")]
    return statements or found


def _stems(text: str) -> set[str]:
    words = map(str.lower, _WORD.findall(text))
    return {word[:_STEM] for word in words if not _FUNCTION_WORD.fullmatch(word)}


def _share(wanted: set[str], text: str) -> float:
    return len(wanted & _stems(text)) / len(wanted) if wanted else 0.0


def _credit(source: TextSource | None, sentence: Sentence) -> str:
    """Return the line that names the source of a quotation, with a link where there is one."""
    name = _BRACKETS.sub("", source.name if source and source.name else sentence.speaker)
    link = source.link if source else ""
    if not (name or link):
        return ""
    return f"\n> — [{name or 'the message'}]({link})" if link else f"\n> — {name}"
