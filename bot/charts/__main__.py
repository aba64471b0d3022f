"""Reads a chart as JSON and writes it as a PNG."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bot.charts import Chart

WIDTH, DPI = 8.0, 200
"""In inches, and dots for each: chat shows pictures about 550 points wide, on screens that have two dots a point."""

CARD, INK, FAINT, LINES = "#fbfbf9", "#1f2328", "#59636e", "#d9dde1"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1")
"""Told apart also by people who are colour-blind."""
OTHERS = "#9aa3ab"

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "MS Gothic", "Arial Unicode MS")
MOST_NAME = 18
"""Characters of a person's or model's name."""

FEWEST_DAYS, MOST_LABELS = 7, 8
LEGEND_COLUMNS = 4

PAD, CARD_PAD = 0.4, 0.06
TITLE, HEADING, LEGEND_ROW = 0.75, 0.4, 0.3
DAYS, DAY_LABELS, PERSON = 2.4, 0.65, 0.36
"""Heights in inches, from the top of the card down."""

SCALE_WIDTH, NAMES_WIDTH = 0.95, 2.3


def draw(chart: Chart) -> Figure:
    """Both panels on a card of their own, so that they read alike on dark and on light."""
    models = _most_used(chart.models)
    legend = LEGEND_ROW * -(-len(models) // LEGEND_COLUMNS)
    people = PERSON * max(len(chart.people), 1)
    height = PAD + TITLE + HEADING + legend + DAYS + DAY_LABELS + HEADING + people + PAD
    figure = Figure((WIDTH, height), dpi=DPI)
    figure.patch.set_alpha(0)
    figure.add_artist(_card(height))

    def heading(down: float, text: str, size: int, weight: str = "normal") -> None:
        figure.text(PAD / WIDTH, 1 - down / height, text, fontsize=size, fontweight=weight, color=INK, va="top")

    def panel(down: float, left: float, tall: float) -> Axes:
        return figure.add_axes((left / WIDTH, 1 - (down + tall) / height, (WIDTH - PAD - left) / WIDTH, tall / height))

    down = PAD
    heading(down, chart.title, 18, "bold")
    down += TITLE
    heading(down, f"{_capital(chart.unit)} by day and model", 14)
    down += HEADING
    handles = [
        Patch(color=colour, label=_short(name)) for name, colour in zip(models, (*COLOURS, OTHERS), strict=False)
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(PAD / WIDTH, 1 - down / height),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        fontsize=12,
        labelcolor=INK,
        borderpad=0,
        borderaxespad=0,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.5,
    )
    down += legend
    _by_day(panel(down, SCALE_WIDTH, DAYS), chart.days, models)
    down += DAYS + DAY_LABELS
    heading(down, f"{_capital(chart.unit)} by person", 14)
    _by_person(panel(down + HEADING, NAMES_WIDTH, people), chart.people)
    return figure


def _card(height: float) -> FancyBboxPatch:
    return FancyBboxPatch(
        (CARD_PAD / WIDTH, CARD_PAD / height),
        1 - 2 * CARD_PAD / WIDTH,
        1 - 2 * CARD_PAD / height,
        boxstyle="round,pad=0,rounding_size=0.025",
        mutation_aspect=WIDTH / height,
        facecolor=CARD,
        edgecolor=LINES,
        linewidth=1.2,
        zorder=-1,
    )


def _by_day(axes: Axes, written: Sequence[str], models: Mapping[str, Sequence[float]]) -> None:
    """Each model's share on top of the others'."""
    days = [date.fromisoformat(day) for day in written]
    base = [0.0] * len(days)
    for values, colour in zip(models.values(), (*COLOURS, OTHERS), strict=False):
        axes.bar(range(len(days)), values, 0.82, base, color=colour, linewidth=0)
        base = [below + value for below, value in zip(base, values, strict=True)]
    step = max(1, -(-len(days) // MOST_LABELS))
    shown = range(len(days))[::-step][::-1]
    axes.set_xticks(shown, [f"{days[index].day} {days[index]:%b}" for index in shown])
    beside = 0.6 + max(0, FEWEST_DAYS - len(days)) / 2
    axes.set_xlim(-beside, len(days) - 1 + beside)
    axes.set_ylim(0, max([*base, 0.0]) * 1.06 or 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: _number(value)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=LINES, linewidth=1)
    _plain(axes, "bottom", FAINT)


def _by_person(axes: Axes, people: Sequence[tuple[str, float]]) -> None:
    """One bar a person, with its value."""
    names, values = [_short(name) for name, _ in people], [value for _, value in people]
    bars = axes.barh(range(len(names)), values, 0.68, color=COLOURS[0], linewidth=0)
    axes.bar_label(bars, [_number(value) for value in values], padding=5, fontsize=13, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(0, max([*values, 0.0]) * 1.16 or 1)
    axes.set_xticks(())
    _plain(axes, "left", INK)


def _plain(axes: Axes, line: str, ink: str) -> None:
    """Nothing but the labels and one line."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=13, labelcolor=ink, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side == line)
        axes.spines[side].set_color(FAINT)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _most_used(models: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    """As many models as there are colours, the most used first, and the others together."""
    ranked = sorted(models.items(), key=lambda item: -sum(item[1]))
    shown, rest = dict(ranked[: len(COLOURS)]), ranked[len(COLOURS) :]
    return (
        {**shown, "others": [sum(values) for values in zip(*(values for _, values in rest), strict=True)]}
        if rest
        else shown
    )


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}…"


def _number(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def main() -> None:
    """One chart from stdin to stdout."""
    installed = set(mpl.font_manager.get_font_names())
    with mpl.rc_context({"font.family": [font for font in FONTS if font in installed], "text.parse_math": False}):
        draw(Chart(**json.load(sys.stdin))).savefig(sys.stdout.buffer, format="png")


if __name__ == "__main__":
    main()
