"""Which limits hold for whom, and how they are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.administration.limits import money
from bot.administration.limits.periods import resets
from bot.administration.limits.usage_meters import UsageMeter
from bot.interfaces.messages import Person, Place, SubjectKind
from bot.interfaces.records import Limit, Unit, Window
from bot.utils.formatting import markdown_table

FARTHEST_FIRST: tuple[SubjectKind, ...] = ("everyone", "guests", "role", "person", "channel", "workspace")
"""Of the limits about people the nearest counts; a channel's and the workspace's count beside it."""

BAR = 10
"""Characters of a full bar."""


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """A limit and the meter that it is held against."""

    limit: Limit
    meter: UsageMeter

    @property
    def used(self) -> int:
        """What was used of it."""
        return self.meter.used[self.limit.unit]

    @property
    def left(self) -> int:
        """What may still be reserved: answers that are being written hold the rest."""
        return self.limit.amount - self.used - self.meter.held[self.limit.unit]


def limits_in_force(limits: Sequence[Limit], place: Place, person: Person, models: Collection[str]) -> Sequence[Limit]:
    """The limits that hold for a person in a place: the channel's, the workspace's, and the nearest about people.

    A limit for the person replaces a role's, and that replaces everyone's, where they are about the same unit, window
    and model; of several roles the most generous counts. Of whom it is not known which roles they have, the strictest
    limit counts of those that may be theirs.
    """
    unsaid = tuple(one.subject.id for one in limits if person.unsaid and one.subject.kind == "role")
    fitting: Mapping[SubjectKind, Sequence[str]] = {
        "everyone": ("",),
        "guests": ("",) if person.guest else (),
        "role": unsaid or person.roles,
        "person": (person.id,),
        "channel": (place.channel,),
        "workspace": ("",),
    }
    shared, own = [], dict[tuple[Unit, Window, str], Limit]()
    for limit in sorted(limits, key=farthest_first):
        subject = limit.subject
        if limit.model not in models or subject.id not in fitting[subject.kind]:
            continue
        if subject.kind in ("channel", "workspace"):
            shared.append(limit)
            continue
        key = (limit.unit, limit.window, limit.model)
        if not (subject.kind == "role" and person.unsaid and key in own and own[key].amount < limit.amount):
            own[key] = limit
    return [*own.values(), *shared]


def farthest_first(limit: Limit) -> tuple[int, int]:
    """The order in which later limits replace earlier ones."""
    return FARTHEST_FIRST.index(limit.subject.kind), limit.amount


def describe_limit(limit: Limit, currency: str) -> str:
    """A limit in words: "20 requests a day with the model gpt"."""
    return f"{money.counted(limit.amount, limit.unit, currency)} {describe_window(limit.window, limit.model)}"


def describe_window(window: Window, model: str) -> str:
    """What a limit counts, in words: "a day with the model gpt"."""
    article = "an" if window == "hour" else "a"
    return f"{article} {window} with the model {model}" if model else f"{article} {window}"


def owner(limit: Limit) -> str:
    """Whose limit it is, for somebody whom it holds for."""
    return {"channel": "this channel's", "workspace": "this workspace's"}.get(limit.subject.kind, "your")


def limit_table(standings: Sequence[LimitUsage], currency: str, now: float) -> str:
    """How limits stand: what was used of each, what is left, and when it begins afresh."""
    rows = [
        (
            f"{owner(standing.limit)} {describe_limit(standing.limit, currency)}",
            bar(standing.used, standing.limit.amount),
            money.format_amount(max(standing.left, 0), standing.limit.unit, currency),
            resets(standing.limit.window, now),
        )
        for standing in standings
    ]
    return markdown_table(("limit", "used", "left", "begins afresh"), rows)


def bar(used: int, amount: int) -> str:
    """A bar as long as what was used, and the share in per cent."""
    share = min(used / amount, 1) if amount else 1
    full = round(share * BAR)
    return f"{'█' * full}{'░' * (BAR - full)} {int(share * 100):>3} %"
