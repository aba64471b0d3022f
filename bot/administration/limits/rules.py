"""The limits in force for a person in a place, and limits as text."""

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
"""Of the limits of people the last one here applies. Those of channels and workspaces apply in addition."""

BAR = 10
"""The characters of a full bar."""


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """A limit and its meter."""

    limit: Limit
    meter: UsageMeter

    @property
    def used(self) -> int:
        """Return the used amount."""
        return self.meter.used[self.limit.unit]

    @property
    def left(self) -> int:
        """Return the amount that can still be reserved, without the reservations of running answers."""
        return self.limit.amount - self.used - self.meter.held[self.limit.unit]


def limits_in_force(limits: Sequence[Limit], place: Place, person: Person, models: Collection[str]) -> Sequence[Limit]:
    """Return the limits of a person in a place: those of the channel and the workspace, and the most specific others.

    For the same unit, window and model, a person's limit replaces a role's, and that replaces everyone's. Of several
    roles the highest limit applies; for a person whose roles are unknown, the lowest of all roles and everyone.
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
    """Return the sort key of a limit: later limits replace earlier ones."""
    return FARTHEST_FIRST.index(limit.subject.kind), limit.amount


def describe_limit(limit: Limit, currency: str) -> str:
    """Return a limit as text: "20 requests a day with the model gpt"."""
    return f"{money.counted(limit.amount, limit.unit, currency)} {describe_window(limit.window, limit.model)}"


def describe_window(window: Window, model: str) -> str:
    """Return a limit's window and model as text: "a day with the model gpt"."""
    article = "an" if window == "hour" else "a"
    return f"{article} {window} with the model {model}" if model else f"{article} {window}"


def owner(limit: Limit) -> str:
    """Return the owner of a limit, addressed to a person whom it bounds."""
    return {"channel": "this channel's", "workspace": "this workspace's"}.get(limit.subject.kind, "your")


def limit_table(usages: Sequence[LimitUsage], currency: str, now: float) -> str:
    """Return a table of limits, each with its used and its remaining amount, and the time of its reset."""
    rows = [
        (
            f"{owner(usage.limit)} {describe_limit(usage.limit, currency)}",
            bar(usage.used, usage.limit.amount),
            money.format_amount(max(usage.left, 0), usage.limit.unit, currency),
            resets(usage.limit.window, now),
        )
        for usage in usages
    ]
    return markdown_table(("limit", "used", "left", "resets"), rows)


def bar(used: int, amount: int) -> str:
    """Return a bar of the used share, with its percentage."""
    share = min(used / amount, 1) if amount else 1
    full = round(share * BAR)
    return f"{'█' * full}{'░' * (BAR - full)} {int(share * 100):>3} %"
