"""`python -m bot.utils.charts`: read a chart as JSON from standard input and write it as a PNG to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from bot.utils.charts import Chart
from bot.utils.charts.text_width import Ruler

WIDTH, DPI = 8.0, 200
"""Width in inches and dots per inch: chats show pictures about 550 points wide, with two dots a point."""

CARD, INK, FAINT, LINES = "#fbfbf9", "#1f2328", "#59636e", "#d9dde1"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1")
"""Colours of the models, which colour-blind people can tell apart too."""
OTHERS = "#9aa3ab"

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "MS Gothic", "Arial Unicode MS")
"""Fonts for all scripts, in the order of preference; one that is not installed is left out."""

TITLE_SIZE, HEADING_SIZE, LABEL_SIZE, LEGEND_SIZE = 18, 14, 13, 12

SMALLEST_SHORT = 1e-4
"""Smallest value that Python's format with three digits writes without an exponent."""

FEWEST_DAYS, MOST_LABELS = 7, 8
LEGEND_COLUMNS = 4

PAD, CARD_PAD = 0.4, 0.06
TITLE, HEADING, LEGEND_ROW = 0.75, 0.4, 0.3
DAYS, BELOW, DAY_LABELS, PERSON = 2.4, 0.11, 0.75, 0.36
"""Heights in inches, from the top of the card down."""

LEAST_LEFT, MOST_NAME, BEFORE_PANEL = 0.95, 2.4, 0.1
"""Widths in inches: the least space left of a panel, the longest name of a person, the gap before a panel."""
SWATCH, BESIDE_SWATCH, BETWEEN = 0.15, 0.24, 0.3
"""Widths in inches: a model's colour, the distance from its left edge to the name, the least gap between models."""


def draw(chart: Chart) -> Figure:
    """Return a figure of both panels on a light card, so that it looks alike in dark and in light chats."""
    ruler, models = Ruler(DPI), _most_used(chart.models)
    names, columns = _columns(ruler, list(models))
    legend = LEGEND_ROW * -(-len(models) // columns)
    people = PERSON * max(len(chart.people), 1)
    height = PAD + TITLE + HEADING + legend + DAYS + DAY_LABELS + HEADING + people + PAD
    figure = Figure((WIDTH, height), dpi=DPI)
    figure.patch.set_alpha(0)
    figure.add_artist(_card(height))

    def heading(down: float, text: str, size: int = HEADING_SIZE, weight: str = "normal") -> None:
        figure.text(PAD / WIDTH, 1 - down / height, text, fontsize=size, fontweight=weight, color=INK, va="top")

    def panel(down: float, labels: Sequence[str], tall: float) -> Axes:
        """Add axes that fill the width beside the widest label."""
        left = max(LEAST_LEFT, PAD + ruler.widest(labels, LABEL_SIZE) + BEFORE_PANEL)
        return figure.add_axes((left / WIDTH, 1 - (down + tall) / height, (WIDTH - PAD - left) / WIDTH, tall / height))

    down = PAD
    heading(down, chart.title, TITLE_SIZE, "bold")
    down += TITLE
    heading(down, f"{_capital(chart.unit)} by day and model")
    down += HEADING
    _legend(figure, down, names, columns)
    down += legend
    top = _highest(models)
    scale = {tick: _number(tick) for tick in _ticks(models, top)}
    days = panel(down, list(scale.values()), DAYS)
    _by_day(days, len(chart.days), models)
    days.set_ylim(0, top)
    days.set_yticks(list(scale), list(scale.values()))
    _label_days(days, [date.fromisoformat(day) for day in chart.days], ruler)
    down += DAYS + DAY_LABELS
    heading(down, f"{_capital(chart.unit)} by person")
    persons = ruler.fit([name for name, _ in chart.people], LABEL_SIZE, MOST_NAME)
    _by_person(panel(down + HEADING, persons, people), persons, [value for _, value in chart.people])
    return figure


def _legend(figure: Figure, down: float, names: Sequence[str], columns: int) -> None:
    """Draw each model's colour and name, the most used model first."""
    height = figure.get_figheight()
    for number, (name, colour) in enumerate(zip(names, (*COLOURS, OTHERS), strict=False)):
        row, column = divmod(number, columns)
        left = PAD + column * (WIDTH - 2 * PAD) / columns
        middle = 1 - (down + row * LEGEND_ROW + SWATCH / 2) / height
        corner = (left / WIDTH, middle - SWATCH / 2 / height)
        figure.add_artist(Rectangle(corner, SWATCH / WIDTH, SWATCH / height, facecolor=colour, linewidth=0))
        beside = (left + BESIDE_SWATCH) / WIDTH
        figure.text(beside, middle, name, fontsize=LEGEND_SIZE, color=INK, va="center_baseline")


def _columns(ruler: Ruler, models: Sequence[str]) -> tuple[Sequence[str], int]:
    """Return the models' names, cut where two columns need it, and the number of columns that fit."""
    around, across = BESIDE_SWATCH + BETWEEN, WIDTH - 2 * PAD + BETWEEN
    names = ruler.fit(models, LEGEND_SIZE, across / 2 - around)
    return names, min(LEGEND_COLUMNS, int(across / (ruler.widest(names, LEGEND_SIZE) + around)))


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


def _highest(models: Mapping[str, Sequence[float]]) -> float:
    """Return the upper end of the scale: the highest day and 6 % above it."""
    return max(map(sum, zip(*models.values(), strict=True)), default=0.0) * 1.06 or 1.0


def _ticks(models: Mapping[str, Sequence[float]], top: float) -> Sequence[float]:
    """Return the values of the scale's lines; whole numbers only, where all amounts are whole."""
    whole = all(float(value).is_integer() for values in models.values() for value in values)
    return [float(tick) for tick in MaxNLocator(4, integer=whole).tick_values(0, top) if 0 <= tick <= top]


def _by_day(axes: Axes, days: int, models: Mapping[str, Sequence[float]]) -> None:
    """Draw the models' values of each day as stacked bars."""
    base = [0.0] * days
    for values, colour in zip(models.values(), (*COLOURS, OTHERS), strict=False):
        axes.bar(range(days), values, 0.82, base, color=colour, linewidth=0)
        base = [below + value for below, value in zip(base, values, strict=True)]
    beside = 0.6 + max(0, FEWEST_DAYS - days) / 2  # few days get bars of the usual width, in the middle
    axes.set_xlim(-beside, days - 1 + beside)
    axes.set_xticks(())
    axes.grid(axis="y", color=LINES, linewidth=1)
    _plain(axes, "bottom", FAINT)


def _label_days(axes: Axes, days: Sequence[date], ruler: Ruler) -> None:
    """Write at most MOST_LABELS dates under their bars, the last day's always; no label passes the plot's edges."""
    step = max(1, -(-len(days) // MOST_LABELS))
    labels = {index: f"{days[index].day} {days[index]:%b}" for index in range(len(days))[::-step]}
    half = ruler.widest(list(labels.values()), LABEL_SIZE) / 2 / (axes.get_position().width * WIDTH)
    left, right = axes.get_xlim()
    right = max(right, (len(days) - 1 - half * left) / (1 - half))
    axes.set_xlim(left, right)
    below, transform = -BELOW / DAYS, axes.get_xaxis_transform()
    for index, label in labels.items():
        inside = max(index, left + half * (right - left))
        axes.text(inside, below, label, transform=transform, ha="center", va="top", fontsize=LABEL_SIZE, color=FAINT)


def _by_person(axes: Axes, names: Sequence[str], values: Sequence[float]) -> None:
    """Draw one bar a person, with its value."""
    bars = axes.barh(range(len(names)), values, 0.68, color=COLOURS[0], linewidth=0)
    axes.bar_label(bars, [_number(value) for value in values], padding=5, fontsize=LABEL_SIZE, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(0, max([*values, 0.0]) * 1.16 or 1)
    axes.set_xticks(())
    _plain(axes, "left", INK)


def _plain(axes: Axes, line: str, ink: str) -> None:
    """Remove everything but the labels and one line."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=LABEL_SIZE, labelcolor=ink, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side == line)
        axes.spines[side].set_color(FAINT)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _most_used(models: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    """Return as many models as there are colours, the most used first, and the sum of the others as "others"."""
    ranked = sorted(models.items(), key=lambda item: -sum(item[1]))
    first, rest = dict(ranked[: len(COLOURS)]), ranked[len(COLOURS) :]
    if not rest:
        return first
    return {**first, "others": [sum(values) for values in zip(*(values for _, values in rest), strict=True)]}


def _number(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}" if value >= SMALLEST_SHORT else f"{value:.6f}".rstrip("0").rstrip(".")


def main() -> None:
    """Draw the chart on standard input."""
    installed = set(mpl.font_manager.get_font_names())
    with mpl.rc_context({"font.family": [font for font in FONTS if font in installed], "text.parse_math": False}):
        draw(Chart(**json.load(sys.stdin))).savefig(sys.stdout.buffer, format="png")


if __name__ == "__main__":
    main()
