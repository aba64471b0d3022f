"""Rules, limits and personas: made sure of, changed and written down alike, whether a command or a file says them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TypeAlias

from bot.administration.limits import money
from bot.administration.limits.budget import Budget
from bot.administration.limits.rules import describe_window
from bot.administration.settings import LONGEST, NONE
from bot.administration.state import Administration
from bot.interfaces.backend import Backend
from bot.interfaces.errors import Unknown, UserError
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.records import RULED, AuditedChange, AuditEntry, Limit, Persona, RecordChange, Rule, Unit, Window
from bot.services import Services

Decision: TypeAlias = Rule | Limit | Persona

LONGEST_NAME = 32
"""Characters of a persona's name."""

# What can be decided --------------------------------------------------------------------------------------------------


def rule(services: Services, place: Place, subject: Subject | None, what: str, *, allowed: bool) -> Rule:
    """A rule that can be made. Raises UserError."""
    if subject is None or subject.kind not in RULED:
        raise UserError("Say who it is about: a person, a role, `everyone`, `guests`, or a channel with `--channel`.")
    target = target_of(services, what)
    if target is None:
        raise Unknown(f"There is no command or model “{what[:60]}”. Write bot, /COMMAND or a model's name.")
    return Rule(place.platform, place.workspace, subject, target, allowed)


def target_of(services: Services, what: str) -> str | None:
    """What people mean that a rule is about: bot, /COMMAND, or a model's name; None for what there is not."""
    text = what.strip()
    if text.lower() == "bot":
        return "bot"
    command = text.removeprefix("command:").removeprefix("/").lower()
    if command in (known.name for known in services.commands if not known.unrestricted):
        return f"command:{command}"
    model = text.removeprefix("model:")
    return f"model:{model}" if model in services.backends else None


def limit(
    backends: Mapping[str, Backend],
    place: Place,
    subject: Subject | None,
    model: str,
    unit: Unit,
    window: Window,
    amount: int,
) -> Limit:
    """A limit that can be set. Raises UserError."""
    if subject is None:
        raise UserError(
            "Say whom it is for: a person, a role, `guests`, `everyone` or the `workspace`; or name a `--channel`."
        )
    if model and model not in backends:
        raise Unknown(f"There is no model “{model[:60]}”. There are: {', '.join(backends)}.")
    if not 0 <= amount <= money.LARGEST:
        raise UserError(f"An amount is at least 0 and at most {money.LARGEST:,}, of money in millionths.")
    return Limit(place.platform, place.workspace, subject, model, unit, window, amount)


def persona(administration: Administration, place: Place, name: str, prompt: str) -> Persona:
    """A persona that can be made or changed; one that there is keeps its name. Raises UserError."""
    if not prompt.strip():
        raise UserError("A persona needs a prompt: what the model is told, such as “You are a pirate.”")
    if len(prompt) > LONGEST:
        raise UserError(f"A persona's prompt has at most {LONGEST:,} characters; this one has {len(prompt):,}.")
    known = administration.persona(place, name)
    return Persona(place.platform, place.workspace, known.name if known else new_name(name), prompt)


def new_name(name: str) -> str:
    """The name of a persona that can be made. Raises UserError."""
    name = unicodedata.normalize("NFC", name.strip())
    if not (0 < len(name) <= LONGEST_NAME and name[0].isalnum() and all(map(_fits, name))) or name.casefold() == NONE:
        raise UserError(
            f"A persona's name has letters, digits, “-” and “_”, at most {LONGEST_NAME} of them, begins with a letter "
            f"or digit, and is not “{NONE}”."
        )
    return name


def _fits(character: str) -> bool:
    """Whether a name may have it; many scripts write vowels as marks of their own."""
    return character in "-_" or character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")


# How it is changed and written down -----------------------------------------------------------------------------------


def changed(services: Services, request: Request, decision: Decision, *, removed: bool = False) -> AuditedChange:
    """How a decision is made in place of what was before, or ends, and how that is written down."""
    match decision:
        case Rule():
            made, ended, target = "access", "access", f"{target_label(decision.target)} for {decision.subject.label}"
        case Limit():
            made, ended, target = "limit set", "limit remove", about_limit(decision)
        case Persona():
            made, ended, target = "persona set", "persona delete", decision.name
    kept = services.administration.stored(decision)
    before, after = value(services.budget, kept) if kept else "", "" if removed else value(services.budget, decision)
    entry = AuditEntry(request.place, request.person, ended if removed else made, target, before, after)
    return RecordChange(decision, removed), entry


def value(budget: Budget, decision: Decision) -> str:
    """What was decided, in words."""
    match decision:
        case Rule():
            return "allowed" if decision.allowed else "denied"
        case Limit():
            return money.format_amount(decision.amount, decision.unit, budget.currency)
        case Persona():
            return decision.prompt


def target_label(target: str) -> str:
    """What a rule is about, in words."""
    kind, _, name = target.partition(":")
    return {"bot": "the bot", "command": f"/{name}", "model": f"the model {name}"}[kind]


def about_limit(limit: Limit) -> str:
    """What a limit counts, and whose it is, in words."""
    return f"{limit.unit} {describe_window(limit.window, limit.model)} for {limit.subject.label}"
