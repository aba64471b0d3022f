"""Charts of usage: no text covers another or the card's edge, and names can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bot.utils.charts import Chart
from bot.utils.charts.__main__ import CARD_PAD, DPI, draw
from bot.utils.charts.text_width import Ruler

LAST = date(2026, 11, 29)
NAMES = {
    "short": "m{}",
    "of 18 characters": "model-of-eighteen{}",
    "alike at the beginning": "some/very-long-organisation-and-model-name-{}",
    "alike but in the middle": "some/very-long-organisation-model-{}-of-many-parameters-instruct",
    "wide": "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW{}",
}


def chart(days: int, models: int, people: int, name: str, unit: str = "requests", value: float = 1.0) -> Chart:
    called = [NAMES[name].format(number) for number in range(max(models, people))]
    return Chart(
        "Usage since 1 November 2026",
        unit,
        [str(LAST - timedelta(days=number)) for number in range(days)][::-1],
        {called[model]: [value * ((day + model) % 3) for day in range(days)] for model in range(models)},
        [(called[person], value * (people - person)) for person in range(people)],
    )


def drawn(picture: Chart) -> tuple[Figure, Sequence[tuple[str, Bbox]]]:
    """Return the picture, and every text on it with its box."""
    figure = draw(picture)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]  # matplotlib's backends have no types
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text() and text.get_visible()]
    return figure, [(text.get_text(), text.get_window_extent()) for text in texts]


@pytest.mark.parametrize("days", [1, 31, 90])
@pytest.mark.parametrize(("models", "people"), [(1, 1), (4, 3), (9, 11)])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_covers_another_or_the_edge(days: int, models: int, people: int, name: str) -> None:
    figure, texts = drawn(chart(days, models, people, name))
    card = figure.bbox.padded(-CARD_PAD * DPI)
    for text, box in texts:
        assert card.x0 < box.x0 and box.x1 < card.x1, text  # noqa: PT018 -- one edge or the other
    for (one, first), (other, second) in combinations(texts, 2):
        assert not first.overlaps(second), f"{one} and {other}"


@pytest.mark.parametrize("days", [3, 29, 31, 90])
def test_days_stand_under_the_plot(days: int) -> None:
    figure, texts = drawn(chart(days, 2, 1, "short"))
    plot = figure.axes[0].get_window_extent()
    boxes = [box for text, box in texts if text.endswith((" Nov", " Oct", " Sep"))]
    assert "29 Nov" in dict(texts)
    for box in boxes:
        assert plot.x0 - 1 <= box.x0
        assert box.x1 <= plot.x1 + 1


@pytest.mark.parametrize("name", NAMES)
def test_models_and_people_can_be_told_apart(name: str) -> None:
    figure, _ = drawn(chart(7, 7, 9, name))
    legend = [text.get_text() for text in figure.texts[2:9]]
    people = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert len(set(legend)) == 7
    assert len(set(people)) == 9


def test_long_names_lose_their_middle() -> None:
    ruler = Ruler(DPI)
    names = ["Ann", "bartholomew.cubbins", "Maximiliane von und zu Löwenstein-Wertheim"]
    whole, also, cut = ruler.fit(names, 13, 2.4)
    assert (whole, also) == ("Ann", "bartholomew.cubbins")
    head, _, tail = cut.partition("…")
    assert names[2].startswith(head)
    assert names[2].endswith(tail)
    assert ruler.fit(["Ann", "Ann"], 13, 0.1) == ["…", "…"]
    assert ruler.fit(["x" * 99] * 2, 13, 1.0)[0].startswith("xxx")


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7])
def test_the_scale_of_requests_has_whole_numbers(most: int) -> None:
    figure, _ = drawn(Chart("June", "requests", ["2026-06-01"], {"gpt": [float(most)]}, [("Ann", float(most))]))
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert ticks[0] == "0"
    assert ticks == [str(int(tick)) for tick in ticks]


def test_little_money_is_written_without_an_exponent() -> None:
    figure, texts = drawn(chart(7, 1, 3, "short", "USD", 0.000012))
    assert "0.000036" in dict(texts)
    assert not any("e-" in text for text, _ in texts)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["0", "0.000008"]
