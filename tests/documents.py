"""Generate the parts of docs/ that follow from the code: `python -m tests.documents` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.administration.settings import KEYS, Settings, expected_value, format_value, setting_levels, summary
from bot.backends.openai.presets import PRESETS
from bot.hub.task_types import TASKS
from bot.inference.pipelines import ABSENT, ALIASES, PIPELINES
from bot.tasks.engine.registry import load_tasks
from tests.architecture import picture
from tests.scenarios.matrix import ASKED, LACKING, WAYS, cell
from tests.scenarios.permissions import MAY, ROWS, WHO
from tests.specs import verified
from tests.tasks.examples import EXAMPLES

DOCS = Path(__file__).parents[1] / "docs"


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def settings() -> str:
    """Every setting as it is declared."""
    default = Settings()
    rows = [
        (
            f"`{key}`",
            summary(key),
            expected_value(key),
            _default(format_value(getattr(default, key))),
            ", ".join(setting_levels(key).levels),
        )
        for key in KEYS
    ]
    return markdown(("setting", "what", "takes", "default", "can be set for"), rows)


def _default(value: str) -> str:
    if not value:
        return "–"
    return f"`{value}`" if len(value) < 40 else "see config.toml"


def permissions() -> str:
    """Return the table of permissions: the acts and the people that may do them."""
    people = list(WHO)
    rows = [
        (
            row.action,
            f"`/{row.command}`",
            ", ".join(row.surfaces),
            "both" if not row.lacking else f"{' and '.join(map(str.capitalize, row.platforms))}: {row.lacking}",
            *("✓" if who in MAY[row.needs] else "–" for who in people),
        )
        for row in ROWS
    ]
    legend = "\n".join(f"- *{who}*: {meaning}" for who, meaning in WHO.items())
    return f"{legend}\n\n{markdown(('what', 'command', 'by', 'on', *people), rows)}"


def matrix() -> str:
    """Return the table of visibility: the requests and their answers, as other people see them."""
    lacking = {what: f" ({why})" for (_, what), why in LACKING.items()}
    asked = "\n".join(f"- *{one}*: {meaning}{lacking.get(one, '')}" for one, meaning in ASKED.items())
    rows = [(f"{meaning}{lacking.get(way, '')}", *(cell(one, way) for one in ASKED)) for way, meaning in WAYS.items()]
    return f"{asked}\n\n{markdown(('by', *ASKED), rows)}"


def servers() -> str:
    """Every preset as it is declared."""
    rows = [
        (
            f"`{name}`",
            preset.title,
            f"`{preset.base_url}`" if preset.base_url else "must be given",
            f"`{preset.key_env}`" if preset.key_env else "none",
            ", ".join(f"`{field}`" for field in (preset.limits[0], *(["stream_options"] if preset.says_usage else []))),
            preset.thinking,
            ", ".join(preset.can),
            preset.tested,
        )
        for name, preset in PRESETS.items()
    ]
    return markdown(("preset", "server", "base_url", "key", "fields", "says its thinking", "can", "tested with"), rows)


def hub_tasks() -> str:
    """Return the table of the Hub's tasks with their skills here."""
    rows = [
        (f"`{name}`", task.kind, f"run, by the pipeline `{name}`" if task.skill == "run" else task.skill)
        for name, task in TASKS.items()
    ]
    return markdown(("task", "kind", "skill"), rows)


def pipelines() -> str:
    """Return the table of the pipelines that `/run` can use."""
    rows = []
    for name, pipeline in PIPELINES.items():
        reads = {"text": "text", "sound": "a sound or a video", "picture": "a picture", "video": "a video"}[
            pipeline.feed
        ]
        also = "`labels`" if pipeline.labels else "`question`" if pipeline.question else "–"
        names = ", ".join(f"`{alias}`" for alias, of in ALIASES.items() if of == name)
        rows.append((f"`{name}`", reads, also, names or "–"))
    return markdown(("pipeline", "reads", "needs", "also called"), rows)


def absent() -> str:
    """Return the table of the pipelines that `/run` cannot use, with the reasons."""
    return markdown(("pipeline", "why not"), [(f"`{name}`", why) for name, why in ABSENT.items()])


def tasks() -> str:
    """Every task as it is declared, and the platforms where a test asks for it."""
    rows = [
        (
            f"`/{name}`",
            task.summary,
            {"text": "text", "picture": "an image", "sound": "an audio or video file"}[task.takes],
            task.skill or "any",
            "✓" if task.instructed else "–",
            "✓" if task.quoting else "–",
            task.shortcut or "–",
            f"`{task.model}`" if task.model else "one behind an API" if task.skill == "paint" else "any",
            *("✓" if name in EXAMPLES else "–" for _ in PLATFORMS),
        )
        for name, task in sorted(load_tasks().items())
    ]
    headers = (
        "task",
        "what",
        "reads",
        "skill",
        "chat models can do it",
        "embedding models can, by quoting",
        "shortcut",
        "a model that serves",
        *PLATFORMS,
    )
    return markdown(headers, rows)


PLATFORMS = ("Discord", "Slack", "terminal")
"""Where tests/scenarios/test_task_scenarios.py asks for every task that has an example."""


TABLES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "architecture": ("design.md", picture),
    "settings": ("administration.md", settings),
    "permissions": ("administration.md", permissions),
    "matrix": ("privacy.md", matrix),
    "hub-tasks": ("models.md", hub_tasks),
    "tasks": ("models.md", tasks),
    "pipelines": ("models.md", pipelines),
    "absent": ("models.md", absent),
    "servers": ("models.md", servers),
    "discord-calls": (
        "verified.md",
        lambda: markdown(
            ("call", "operation", "judged", "page of Discord's documentation", "only Discord can tell"),
            verified.discord_calls(),
        ),
    ),
    "discord-events": (
        "verified.md",
        lambda: markdown(
            ("event", "objects judged by", "page of Discord's documentation", "only Discord can tell"),
            verified.discord_events(),
        ),
    ),
    "slack-methods": (
        "verified.md",
        lambda: markdown(
            ("method", "arguments judged by", "answer judged by", "seen by others", "only Slack can tell"),
            verified.slack_methods(),
        ),
    ),
    "slack-events": (
        "verified.md",
        lambda: markdown(("event", "judged by", "only Slack can tell"), verified.slack_events()),
    ),
    "by-hand": (
        "verified.md",
        lambda: markdown(("what", "page that was read", "library on the other side", "open"), verified.BY_HAND),
    ),
    "differences": (
        "verified.md",
        lambda: markdown(("platform", "where", "why it is let pass"), verified.differences()),
    ),
}
"""Each generated part's mark, its document, and the function that makes it."""


def generated(mark: str) -> tuple[Path, str, str]:
    """Return a document's path, its text, and its text with the generated part up to date."""
    name, make = TABLES[mark]
    path = DOCS / name
    text = path.read_text(encoding="utf-8")
    between = re.compile(rf"(<!-- {mark} -->\n).*(<!-- /{mark} -->)", re.DOTALL)
    assert between.search(text), f"{name} has no place for {mark}"
    return path, text, between.sub(lambda found: f"{found[1]}{make()}\n{found[2]}", text)


if __name__ == "__main__":
    for table in TABLES:
        path, _, text = generated(table)
        path.write_text(text, encoding="utf-8")
