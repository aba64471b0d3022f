"""Tasks as the bundled models do them, with stand-ins for the models."""

from __future__ import annotations

import pytest

from bot.interfaces.errors import UserError
from bot.tasks.engine import bundled_fill, quoted_answer
from bot.tasks.engine.bundled_classify import classified, label_scores
from bot.tasks.engine.bundled_fill import filled, fillings
from bot.tasks.engine.bundled_jobs import EMBEDDER
from bot.tasks.engine.inputs import SourceText, join_texts
from bot.tasks.engine.quoted_answer import answered, best_passage
from bot.tasks.engine.quoted_summary import central_sentences, summarised
from bot.tasks.engine.task import TaskInput
from tests.tasks.bundled_models import BOTH, FakeModels

OFFICE = "The office opens at nine. Parking costs eight euros. Is there a garden? The coffee is free."


def _said(*lines: tuple[str, str]) -> TaskInput:
    text, sources = join_texts([SourceText(name, words, f"https://chat.test/{name}") for name, words in lines])
    return TaskInput(text=text, sources=sources)


DISCUSSION = _said(
    ("Ann", "The release is on Monday, and the release needs tests."),
    ("Ben", "Okay."),
    ("Cem", "Tests for the release run on Sunday, before the release on Monday."),
    ("Dee", "Does anybody have cake?"),
)


# classify -------------------------------------------------------------------------------------------------------------


def _after(text: str) -> str:
    return f'"{text}"\nThis message is about'


def test_likelihood_and_similarity_choose_a_label() -> None:
    models = FakeModels({(_after("I was charged twice"), " billing"): -1.0})
    scores = dict(models.run(label_scores("I was charged twice", ("billing", "weather"))))
    assert scores["billing"] > 0.9
    assert sum(scores.values()) == pytest.approx(1)
    assert models.models == BOTH


def test_a_label_likely_anyway_wins_nothing() -> None:
    everywhere = {(_after(text), " sports"): -1.0 for text in ("N/A", "...", "Hello.", "Two goals")}
    scores = dict(FakeModels(everywhere).run(label_scores("Two goals", ("sports", "weather"))))
    assert scores["sports"] == pytest.approx(scores["weather"])


def test_several_labels_may_fit_at_once() -> None:
    likely = {(_after("Broken and late"), f" {label}"): -1.0 for label in ("quality", "delivery")}
    scores = dict(
        FakeModels(likely).run(label_scores("Broken and late", ("quality", "delivery", "music"), several=True))
    )
    assert min(scores["quality"], scores["delivery"]) > 0.5 > scores["music"]


def test_labels_are_shown_with_their_scores() -> None:
    models = FakeModels()
    models.run(classified(TaskInput(text="The weather is fine"), ("weather", "music")))
    assert models.shown.index("weather") < models.shown.index("music")
    assert "%" in models.shown


# fill -----------------------------------------------------------------------------------------------------------------


def test_the_right_side_decides_a_blank() -> None:
    left = bundled_fill._LEAD + "The milk is in the"
    models = FakeModels({(left, " fridge and cold"): -2.0, (left, " house and cold"): -5.0}, next=("house", "fridge"))
    models.run(filled("The milk is in the ___ and cold"))
    assert models.shown.startswith("The milk is in the fridge and cold\n")


def test_words_of_the_text_fill_no_blank() -> None:
    words = dict(FakeModels(next=("Early", "late")).run(fillings("The opposite of early is ___.")))
    assert list(words) == ["late"]


def test_a_blank_at_the_beginning_wants_capitals() -> None:
    models = FakeModels(next=("Paris",))
    assert models.run(fillings("___ is a city."))[0][0] == "Paris"
    assert getattr(models.jobs[0][1], "capital", None) is True


def test_a_blank_without_candidates_is_explained() -> None:
    with pytest.raises(UserError):
        FakeModels().run(fillings("___"))


# answer ---------------------------------------------------------------------------------------------------------------


def test_the_nearest_sentence_is_quoted() -> None:
    models = FakeModels()
    models.run(answered(TaskInput({"question": "Parking costs how many euros?"}, OFFICE)))
    assert models.shown == "> Parking costs eight euros."
    assert models.models == {EMBEDDER}


def test_a_question_without_answer_quotes_nothing() -> None:
    models = FakeModels()
    models.run(answered(TaskInput({"question": "Who won yesterday's football match?"}, OFFICE)))
    assert models.shown == quoted_answer.NOT_FOUND


def test_an_answer_links_its_message() -> None:
    given = _said(("Ann [ops]", "The server is in Berlin."), ("Ben", "Lunch is at noon."))
    models = FakeModels()
    models.run(answered(TaskInput({"question": "server is in which town?"}, given.text, given.sources)))
    assert models.shown == "> The server is in Berlin.\n> — [Ann ops](https://chat.test/Ann [ops])"


def test_questions_do_not_answer_questions() -> None:
    best = FakeModels().run(best_passage("Is there a garden?", TaskInput(text=OFFICE)))
    assert best is not None
    assert not best.sentence.text.endswith("?")


def test_an_empty_text_answers_nothing() -> None:
    assert FakeModels().run(best_passage("Where?", TaskInput(text=" \n"))) is None


def test_too_many_sentences_are_refused() -> None:
    with pytest.raises(UserError):
        FakeModels().run(best_passage("Where?", TaskInput(text="Yes. " * 2001)))


# summarise ------------------------------------------------------------------------------------------------------------


def test_a_summary_quotes_central_sentences_in_order() -> None:
    text = (
        "Cats sleep. The bridge closes in June for repairs. I like tea. Repairs of the bridge cost nine million euros."
    )
    chosen = FakeModels().run(central_sentences(TaskInput(text=text), 2))
    assert [sentence.text[:12] for sentence in chosen] == ["The bridge c", "Repairs of t"]


def test_a_summary_repeats_no_sentence() -> None:
    text = "The bridge is closed in June. " * 5 + "Cars take the tunnel in the north instead. Tea is served at four."
    chosen = FakeModels().run(central_sentences(TaskInput(text=text), 2))
    assert len({sentence.text for sentence in chosen}) == 2


def test_a_discussion_is_summarised_with_its_speakers() -> None:
    models = FakeModels()
    models.run(summarised(TaskInput({"length": "short"}, DISCUSSION.text, DISCUSSION.sources)))
    assert "> **Ann:** The release is on Monday" in models.shown
    assert "> **Cem:** Tests for the release" in models.shown
    assert "Okay" not in models.shown


def test_code_is_left_out_of_a_summary() -> None:
    text = "The bridge closes in June.\n```\nprint('the bridge closes in June')\n```\nRepairs take until autumn."
    chosen = FakeModels().run(central_sentences(TaskInput(text=text), 8))
    assert all("print" not in sentence.text for sentence in chosen)


def test_a_summary_of_nothing_is_explained() -> None:
    with pytest.raises(UserError):
        FakeModels().run(summarised(TaskInput(text="  ")))
