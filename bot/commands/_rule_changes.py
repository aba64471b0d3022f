"""Check, change and audit rules, limits and personas, the same way for commands and for imported files."""

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
"""The most characters of a persona's name."""

# Checks --------------------------------------------------------------------------------------------------------------


def checked_rule(services: Services, place: Place, subject: Subject | None, text: str, *, allowed: bool) -> Rule:
    """Return a valid rule; `text` is a target as people type it. Raises UserError."""
    if subject is None or subject.kind not in RULED:
        raise UserError(
            "A rule needs a subject: name a person, a role, `everyone` or `guests`, or a channel with `--channel`."
        )
    target = parse_target(services, text)
    if target is None:
        raise Unknown(f"There is no command or model “{text[:60]}”. Write `bot`, `/COMMAND` or a model's name.")
    return Rule(place.platform, place.workspace, subject, target, allowed)


def parse_target(services: Services, text: str) -> str | None:
    """Return the target that people typed: bot, /COMMAND or a model's name; None if it does not exist."""
    text = text.strip()
    if text.lower() == "bot":
        return "bot"
    command = text.removeprefix("command:").removeprefix("/").lower()
    if command in (known.name for known in services.commands if not known.unrestricted):
        return f"command:{command}"
    model = text.removeprefix("model:")
    return f"model:{model}" if model in services.backends else None


def checked_limit(
    backends: Mapping[str, Backend],
    place: Place,
    subject: Subject | None,
    model: str,
    unit: Unit,
    window: Window,
    amount: int,
) -> Limit:
    """Return a valid limit. Raises UserError."""
    if subject is None:
        raise UserError(
            "A limit needs one subject: name a person, a role, `guests`, `everyone` or the `workspace`, or a "
            "`--channel`."
        )
    if model and model not in backends:
        raise Unknown(f"There is no model “{model[:60]}”. There are: {', '.join(backends)}.")
    if not 0 <= amount <= money.LARGEST:
        raise UserError(f"An amount is a number from 0 to {money.LARGEST:,}; money counts in millionths.")
    return Limit(place.platform, place.workspace, subject, model, unit, window, amount)


def checked_persona(administration: Administration, place: Place, name: str, prompt: str) -> Persona:
    """Return a valid persona; an existing persona keeps the spelling of its name. Raises UserError."""
    if not prompt.strip():
        raise UserError("A persona needs a prompt. Write instructions for the model, such as “You are a pirate.”")
    if len(prompt) > LONGEST:
        raise UserError(
            f"A persona's prompt has at most {LONGEST:,} characters; this one has {len(prompt):,}. Shorten it."
        )
    known = administration.persona(place, name)
    return Persona(place.platform, place.workspace, known.name if known else new_name(name), prompt)


def new_name(name: str) -> str:
    """Return a valid name for a new persona. Raises UserError."""
    name = unicodedata.normalize("NFC", name.strip())
    if not (0 < len(name) <= LONGEST_NAME and name[0].isalnum() and all(map(_fits, name))) or name.casefold() == NONE:
        raise UserError(
            f"“{name[:60]}” is not a valid name for a persona. Use at most {LONGEST_NAME} letters, digits, “-” "
            "and “_”, "
            f"begin with a letter or a digit, and do not use “{NONE}”."
        )
    return name


def _fits(character: str) -> bool:
    """Return whether a name may contain the character; many scripts write vowels as separate marks."""
    return character in "-_" or character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")


# Changes and their audit entries --------------------------------------------------------------------------------------


def audited_change(services: Services, request: Request, decision: Decision, *, removed: bool = False) -> AuditedChange:
    """Return the change that stores or removes a decision, and its audit entry."""
    match decision:
        case Rule():
            set_action, end_action, target = (
                "access",
                "access",
                f"{target_label(decision.target)} for {decision.subject.label}",
            )
        case Limit():
            set_action, end_action, target = "limit set", "limit remove", limit_label(decision)
        case Persona():
            set_action, end_action, target = "persona set", "persona delete", decision.name
    kept = services.administration.stored(decision)
    before, after = (
        decision_text(services.budget, kept) if kept else "",
        "" if removed else decision_text(services.budget, decision),
    )
    entry = AuditEntry(request.place, request.person, end_action if removed else set_action, target, before, after)
    return RecordChange(decision, removed), entry


def decision_text(budget: Budget, decision: Decision) -> str:
    """Return a decision's content as text, for answers and the audit."""
    match decision:
        case Rule():
            return "allowed" if decision.allowed else "denied"
        case Limit():
            return money.format_amount(decision.amount, decision.unit, budget.currency)
        case Persona():
            return decision.prompt


def target_label(target: str) -> str:
    """Return the name that people read for a rule's target."""
    kind, _, name = target.partition(":")
    return {"bot": "the bot", "command": f"/{name}", "model": f"the model {name}"}[kind]


def limit_label(limit: Limit) -> str:
    """Return a limit's unit, period and subject as text."""
    return f"{limit.unit} {describe_window(limit.window, limit.model)} for {limit.subject.label}"
