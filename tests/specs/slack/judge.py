"""Judge recorded traffic with Slack by Slack's own TypeScript types: `python -m tests.specs.slack.judge FOLDER`.

Each recorded shape becomes a literal that must satisfy Slack's published type, without unknown fields.
`npm ci` in this folder installs the types and the compiler.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.slack.manifest import manifest
from bot.commands._registry import load_commands
from tests.specs.slack.known import KNOWN
from tests.specs.slack.mutations import CAUGHT, MISSED
from tests.specs.slack.types import IMPORTS, type_of

HERE: Final = Path(__file__).parent
BUILD: Final = HERE / "build"
COMPILER: Final = HERE / "node_modules" / "typescript" / "bin" / "tsc"

NUMBERS = frozenset({"limit", "length"})
TRUTHS = frozenset(
    {"exclude_archived", "include_users", "include_all_metadata", "include_disabled", "include_locale", "inclusive"}
)
"""Arguments that a form carries as text, and that are numbers, or true or false, in Slack's types."""

UNDEFINED: Final = "undefined!"

_ERROR = re.compile(r"\S*traffic\.ts\((\d+),\d+\): error (TS\d+: .*)")


@dataclass(frozen=True, slots=True)
class Record:
    """One shape of a call, an answer or an event."""

    kind: str
    name: str
    value: object

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


def records(folder: Path) -> Iterator[Record]:
    """Return every shape that tests recorded, once, and the app's manifests."""
    seen = set()
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line not in seen:
                seen.add(line)
                yield Record(**json.loads(line))


def manifests() -> Iterator[Record]:
    """Yield the app's manifests, which no test sends."""
    commands = [module.COMMAND for module in load_commands().values()]
    for plain in (False, True):
        yield Record("manifest", "plain" if plain else "agent", manifest(commands, "/ask", "/shoulders", plain=plain))


def literal(record: Record, number: int) -> str:
    """Return a record as TypeScript, each field on a line of its own, so that an error names the field."""
    value = _typed(record.value) if record.kind == "form" else record.value
    text = json.dumps(_named(value) if record.kind == "event" else value, ensure_ascii=True, indent=1)
    text = text.replace(f'"{UNDEFINED}"', "undefined")
    return f"export const r{number} = {text} satisfies {type_of(record.kind, record.name)};"


def _named(value: object) -> object:
    """Return a value whose ordinary messages have the subtype `undefined`: the types expect it, JSON has none."""
    if isinstance(value, dict):
        more = {"subtype": UNDEFINED} if value.get("type") == "message" and "subtype" not in value else {}
        return {key: _named(item) for key, item in value.items()} | more
    return [_named(item) for item in value] if isinstance(value, list) else value


def _typed(form: object) -> object:
    if not isinstance(form, dict):
        return form
    made = dict(form)
    for name, value in form.items():
        if name in TRUTHS:
            made[name] = value in ("1", "true", True)
        elif name in NUMBERS:
            made[name] = int(value)
    return made


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of the compiler, with its record and the line of the record's literal."""

    record: Record
    line: str
    message: str

    def __str__(self) -> str:
        return f"{self.record.title}: {self.line.strip()}\n    {self.message}"


def complaints(every: Sequence[Record]) -> list[Complaint]:
    """Compile all records at once and return the errors."""
    BUILD.mkdir(exist_ok=True)
    lines, owners = list(IMPORTS), [-1] * len(IMPORTS)
    for number, record in enumerate(every):
        written = literal(record, number).splitlines()
        lines += written
        owners += [number] * len(written)
    (BUILD / "traffic.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = subprocess.run(
        ["node", str(COMPILER), "-p", str(HERE), "--pretty", "false"],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [error for error in map(_ERROR.match, found.stdout.splitlines()) if error]
    if found.returncode and not errors:
        raise SystemExit(f"The compiler failed: {found.stdout}{found.stderr}")
    located = [(int(error[1]) - 1, error[2]) for error in errors]
    if early := [message for at, message in located if owners[at] < 0]:
        raise SystemExit(f"Slack's types are not there as expected: {early[0]}")
    return [Complaint(every[owners[at]], lines[at], message) for at, message in located]


def forgiven(record: Record) -> Record:
    """Return a record as Slack's types want it, with the known differences mended."""
    for known in KNOWN:
        record = Record(record.kind, record.name, known.mended(record.kind, record.name, record.value))
    return record


def unexpected_verdicts() -> Iterable[str]:
    """Return the faults of the judge itself: broken records that pass, and known differences that are gone."""
    cases = [(what, Record(*record), True) for what, record in CAUGHT.items()]
    cases += [(what, Record(*record), False) for what, record in MISSED.items()]
    for known in KNOWN:
        example = Record(known.kind, known.name, known.example)
        cases += [(known.reason, example, True), (f"mended: {known.reason}", forgiven(example), False)]
    refused = {id(complaint.record) for complaint in complaints([record for _, record, _ in cases])}
    for what, record, expected in cases:
        if (id(record) in refused) is not expected:
            yield f"{what}: {record.title} was {'not ' if expected else ''}refused"


def main(folder: str) -> int:
    """Judge a folder of records and return the exit status: 1 for a fault."""
    every = [*records(Path(folder)), *manifests()]
    if not any(record.kind == "call" for record in every):
        raise SystemExit(f"{folder} holds no recorded calls: run the tests with SHOULDERS_SLACK_RECORDS={folder}")
    found = [*unexpected_verdicts(), *map(str, complaints([forgiven(record) for record in every]))]
    for one in found:
        print(one)
    counted = Counter(record.kind for record in every)
    print(f"{len(every)} shapes judged by Slack's types ({dict(counted)}), {len(found)} complaints.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
