"""Permissions: access rules, switched off commands, and commands only for administrators. All in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from bot.administration.limits.budget import Budget
from bot.administration.settings import NEVER_OFF, Settings
from bot.administration.state import Administration
from bot.interfaces.command import Command
from bot.interfaces.errors import Denied
from bot.interfaces.messages import Person, Place, Request
from bot.interfaces.records import RULED, Rule

ALSO_NEEDS = {"retry": "chat"}
"""Commands that also need the permission for another one."""

_TRY_LATER = "Try again in a minute."


class Policy:
    """Decides by the records in force and by the person's rights as the platform reported them.

    `centrally` returns whether only administrators whom the operator named may change the models of all workspaces.
    """

    def __init__(self, administration: Administration, budget: Budget, centrally: Callable[[], bool]) -> None:
        self._administration = administration
        self._budget = budget
        self._centrally = centrally

    @property
    def revision(self) -> tuple[int, int]:
        """Return a value that changes whenever a decision may change, except at the start of a limit's next window."""
        return self._administration.revision, self._budget.revision

    def refusal(self, request: Request, command: Command) -> Denied | None:
        """Return the reason not to answer a request now; None without one."""
        return self.forbidden(request, command) or self.used_up(request, command)

    def used_up(self, request: Request, command: Command) -> Denied | None:
        """Return the refusal by a used up limit; None without one, or for a request that does not ask a model."""
        asks_a_model = command.converses or request.command.partition(" ")[0] in ALSO_NEEDS
        return self._budget.refusal(request.place, request.person) if asks_a_model else None

    def forbidden(self, request: Request, command: Command) -> Denied | None:
        """Return the refusal by an access rule or a setting; None without one."""
        place, person = request.place, request.person
        if command.unrestricted:
            return None
        name, ask = request.command.partition(" ")[0], partial(self._administration.contact_sentence, place)
        needs = tuple(filter(None, (name, ALSO_NEEDS.get(name))))
        settings = self._administration.settings(place, person)
        if place.direct and settings.direct_messages == "closed" and not (command.quiet or person.administrator):
            return Denied(f"I don't answer direct messages here. Ask me in a channel. {ask()}")
        switched_off = settings.commands_off
        if off := next((needed for needed in needs if needed in switched_off and needed != NEVER_OFF), ""):
            return Denied(f"`/{off}` is switched off here. {ask()}")
        if command.administrative:
            if not person.administrator:
                return self.administrators_only(request)
            return self.operator_only(request) if command.central else None
        for needed in needs:
            allowed, why = self._may(request, f"command:{needed}")
            if not (allowed or person.administrator):
                what = "talk with me" if needed == "chat" else f"use `/{needed}`"
                return Denied(
                    f"You may not {what} here: {why}. {_TRY_LATER if why == _unknown_rights(request) else ask()}"
                )
        return None

    def needs_administrator(self, request: Request, command: Command, models: Collection[str]) -> bool:
        """Return whether a request, or one of the models for it, is open to this person only as an administrator."""
        if command.unrestricted or not request.person.administrator or self.forbidden(request, command):
            return False
        member = replace(request.person, administrator=False)
        as_member = replace(request, person=self._administration.recognise(request.place, member))
        refused = self.forbidden(as_member, command)
        return bool(refused) or len(self.usable(as_member, models)) < len(models)

    def commands(self, request: Request, commands: Sequence[Command]) -> Sequence[str]:
        """Return the names of the commands that this person may use here."""
        offered = [command for command in commands if not command.hidden or command.name == "chat"]
        if not request.person.administrator:
            offered = [command for command in offered if not _all_administrative(command)]
        return [
            command.name
            for command in offered
            if self.forbidden(replace(request, command=command.name), command) is None
        ]

    def administrators_only(self, request: Request) -> Denied:
        """Return the refusal for people who are not administrators, or of whom that is unknown."""
        if request.person.unsaid == "person":
            return Denied(f"That is for administrators, and {_unknown_rights(request)}. {_TRY_LATER}")
        return Denied(f"That is for administrators. {self._administration.contact_sentence(request.place)}")

    def operator_only(self, request: Request) -> Denied | None:
        """Return the reason why this person may not change the models of all workspaces; None if they may."""
        if not self._centrally() or self._administration.is_configured_administrator(request.place, request.person):
            return None
        ask = self._administration.base.contact or "the operator of this bot"
        return Denied(
            "All workspaces of this bot share its models. Only administrators whom its operator named may change them. "
            f"Ask {ask}."
        )

    def manages_models(self, request: Request) -> bool:
        """Return whether this person may add and remove models."""
        return request.person.administrator and self.operator_only(request) is None

    def model_refusal(self, request: Request, model: str) -> Denied | None:
        """Return the reason why this person may not use a model here; None if they may."""
        if request.person.administrator:
            return None
        return self._model_refusal(request, model, self._administration.settings(request.place, request.person))

    def usable(self, request: Request, models: Collection[str]) -> Sequence[str]:
        """Return those of the models that this person may use here."""
        if request.person.administrator or not models:
            return list(models)
        settings = self._administration.settings(request.place, request.person)
        return [model for model in models if self._model_refusal(request, model, settings) is None]

    def _model_refusal(self, request: Request, model: str, settings: Settings) -> Denied | None:
        place, person = request.place, request.person
        ask = partial(self._administration.contact_sentence, place)
        if settings.models and model not in settings.models:
            return Denied(
                f"The model {model} is not allowed here. Allowed models: {', '.join(settings.models)}. {ask()}"
            )
        target = f"model:{model}"
        rule = nearest(self._rules(place, person, target))
        allowed = rule is None or rule.allowed
        if self._depends_on_roles(place, person, (target,), rule, allowed=allowed):
            return Denied(f"You may not use the model {model} here: {_unknown_rights(request)}. {_TRY_LATER}")
        if rule is None or allowed:
            return None
        return Denied(f"You may not use the model {model} here: a rule for {rule.subject.label} denies it. {ask()}")

    def _may(self, request: Request, target: str) -> tuple[bool, str]:
        """Return permission and reason. Without a rule for the target, that for the bot applies; guests need one."""
        place, person = request.place, request.person
        rule = nearest(self._rules(place, person, target)) or nearest(self._rules(place, person, "bot"))
        allowed = rule.allowed if rule else not person.guest
        if self._depends_on_roles(place, person, (target, "bot"), rule, allowed=allowed):
            return False, _unknown_rights(request)
        if rule is not None:
            return allowed, f"a rule for {rule.subject.label} denies it"
        guests = "guests need the permission of an administrator"
        return allowed, _unknown_rights(request) if person.unsaid == "person" else guests

    def _depends_on_roles(
        self, place: Place, person: Person, targets: Sequence[str], rule: Rule | None, *, allowed: bool
    ) -> bool:
        """Return whether a rule for a role would decide otherwise than `rule`, while the person's roles are unknown.

        `targets` has the nearest first.
        """

        def rank(one: Rule) -> tuple[int, tuple[int, bool]]:
            return targets.index(one.target), nearest_first(one)

        others = (one for one in self._administration.rules(place) if one.subject.kind == "role")
        return bool(person.unsaid) and any(
            one.target in targets and one.allowed != allowed and (rule is None or rank(one) < rank(rule))
            for one in others
        )

    def _rules(self, place: Place, person: Person, target: str) -> Sequence[Rule]:
        """Return the rules about a target for a person in a place, without those of unknown kinds."""
        fitting = {
            "person": (person.id,),
            "role": person.roles,
            "channel": (place.channel,),
            "guests": ("",) if person.guest else (),
            "everyone": () if person.guest else ("",),
        }
        rules = self._administration.rules(place)
        return [
            rule for rule in rules if rule.target == target and rule.subject.id in fitting.get(rule.subject.kind, ())
        ]


def _unknown_rights(request: Request) -> str:
    """Return a clause about rights that the platform does not report; "" where it reports all."""
    unknown = {"": "", "roles": "your groups", "person": "your rights"}[request.person.unsaid]
    return unknown and f"{request.place.platform.capitalize()} does not report {unknown} right now"


def _all_administrative(command: Command) -> bool:
    return bool(command.subcommands) and all(below.administrative for below in command.subcommands)


def nearest_first(rule: Rule) -> tuple[int, bool]:
    """Return the sort key of a rule: the most specific subject first, then a ban before a permission."""
    return RULED.index(rule.subject.kind), rule.allowed


def nearest(rules: Sequence[Rule]) -> Rule | None:
    """Return the rule that applies; None without rules."""
    return min(rules, key=nearest_first, default=None)


def check_steering(person: Person, place: Place, asked_by: str, asked_in: Place) -> None:
    """Raise Denied unless the person asked, or is an administrator in the channel of the question: for Stop and Retry.

    The asker may also steer from direct messages, where a private answer may have been sent.
    """
    same_channel = (place.platform, place.workspace, place.channel) == (
        asked_in.platform,
        asked_in.workspace,
        asked_in.channel,
    )
    is_asker = person.id == asked_by and place.platform == asked_in.platform
    if not ((same_channel and (is_asker or person.administrator)) or (is_asker and place.direct)):
        raise Denied("Only the person who asked or an administrator can do this.")
