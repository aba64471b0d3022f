"""Who may do what: access rules, commands that are off, and what is for administrators alone. Needs no waiting."""

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
"""Commands that do what another one does."""

_AGAIN = "Try again in a minute."


class Policy:
    """Decides by what is in force now and by what the platform said of the person.

    `centrally` says whether only administrators whom the operator named change what is there for every workspace.
    """

    def __init__(self, administration: Administration, budget: Budget, centrally: Callable[[], bool]) -> None:
        self._administration = administration
        self._budget = budget
        self._centrally = centrally

    @property
    def revision(self) -> tuple[int, int]:
        """A value that is another one once a decision may be, but for a limit that begins afresh."""
        return self._administration.revision, self._budget.revision

    def refusal(self, request: Request, command: Command) -> Denied | None:
        """Return why this person may not have this request answered here and now; None if they may."""
        return self.forbidden(request, command) or self.used_up(request, command)

    def used_up(self, request: Request, command: Command) -> Denied | None:
        """Return which limit keeps a request from a model; None where none does, or it asks none."""
        asks_a_model = command.converses or request.command.partition(" ")[0] in ALSO_NEEDS
        return self._budget.refusal(request.place, request.person) if asks_a_model else None

    def forbidden(self, request: Request, command: Command) -> Denied | None:
        """What access rules and switched off commands have against a request."""
        place, person = request.place, request.person
        if command.unrestricted:
            return None
        name, ask = request.command.partition(" ")[0], partial(self._administration.contact_sentence, place)
        needs = tuple(filter(None, (name, ALSO_NEEDS.get(name))))
        settings = self._administration.settings(place, person)
        if place.direct and settings.direct_messages == "closed" and not (command.quiet or person.administrator):
            return Denied(f"I answer no direct messages: ask me in a channel. {ask()}")
        switched_off = settings.commands_off
        if off := next((needed for needed in needs if needed in switched_off and needed != NEVER_OFF), ""):
            return Denied(f"/{off} is switched off here. {ask()}")
        if command.administrative:
            if not person.administrator:
                return self.for_administrators(request)
            return self.for_the_operator(request) if command.central else None
        for needed in needs:
            allowed, why = self._may(request, f"command:{needed}")
            if not (allowed or person.administrator):
                what = "talk with me" if needed == "chat" else f"use /{needed}"
                return Denied(f"You may not {what} here: {why}. {_AGAIN if why == _unknown_rights(request) else ask()}")
        return None

    def needs_administrator(self, request: Request, command: Command, models: Collection[str]) -> bool:
        """Whether only being an administrator lets somebody make a request, or use one of the models for it."""
        if command.unrestricted or not request.person.administrator or self.forbidden(request, command):
            return False
        member = replace(request.person, administrator=False)
        as_member = replace(request, person=self._administration.recognise(request.place, member))
        refused = self.forbidden(as_member, command)
        return bool(refused) or len(self.usable(as_member, models)) < len(models)

    def commands(self, request: Request, commands: Sequence[Command]) -> Sequence[str]:
        """The names of the commands that this person may use here."""
        offered = [command for command in commands if not command.hidden or command.name == "chat"]
        if not request.person.administrator:
            offered = [command for command in offered if not _all_administrative(command)]
        return [
            command.name
            for command in offered
            if self.forbidden(replace(request, command=command.name), command) is None
        ]

    def for_administrators(self, request: Request) -> Denied:
        """What is said to who is no administrator, or perhaps is one."""
        if request.person.unsaid == "person":
            return Denied(f"That is for administrators, and {_unknown_rights(request)}. {_AGAIN}")
        return Denied(f"That is for administrators. {self._administration.contact_sentence(request.place)}")

    def for_the_operator(self, request: Request) -> Denied | None:
        """Say why this person may not change what is there for every workspace of the bot; None if they may."""
        if not self._centrally() or self._administration.is_configured_administrator(request.place, request.person):
            return None
        ask = self._administration.base.contact or "whoever runs this bot"
        return Denied(
            "Models are there for all workspaces of this bot: only administrators whom its operator named may do that. "
            f"Ask {ask}."
        )

    def manages_models(self, request: Request) -> bool:
        """Tell whether this person may add models, and so on."""
        return request.person.administrator and self.for_the_operator(request) is None

    def model_refusal(self, request: Request, model: str) -> Denied | None:
        """Return why this person may not use a model here; None if they may."""
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
            return Denied(f"The model {model} is not for use here. There are: {', '.join(settings.models)}. {ask()}")
        target = f"model:{model}"
        rule = nearest(self._rules(place, person, target))
        allowed = rule is None or rule.allowed
        if self._depends_on_roles(place, person, (target,), rule, allowed=allowed):
            return Denied(f"You may not use the model {model} here: {_unknown_rights(request)}. {_AGAIN}")
        if rule is None or allowed:
            return None
        return Denied(f"You may not use the model {model} here: a rule for {rule.subject.label} says so. {ask()}")

    def _may(self, request: Request, target: str) -> tuple[bool, str]:
        """Whether, and if not, why not. What no rule is about is as the bot itself is; guests need a rule."""
        place, person = request.place, request.person
        rule = nearest(self._rules(place, person, target)) or nearest(self._rules(place, person, "bot"))
        allowed = rule.allowed if rule else not person.guest
        if self._depends_on_roles(place, person, (target, "bot"), rule, allowed=allowed):
            return False, _unknown_rights(request)
        if rule is not None:
            return allowed, f"a rule for {rule.subject.label} says so"
        guests = "guests may only do what an administrator allowed"
        return allowed, _unknown_rights(request) if person.unsaid == "person" else guests

    def _depends_on_roles(
        self, place: Place, person: Person, targets: Sequence[str], rule: Rule | None, *, allowed: bool
    ) -> bool:
        """Whether a rule for a role would decide otherwise than `rule`, and nobody knows whether the person has it.

        Targets are named the nearest first.
        """

        def rank(one: Rule) -> tuple[int, tuple[int, bool]]:
            return targets.index(one.target), nearest_first(one)

        others = (one for one in self._administration.rules(place) if one.subject.kind == "role")
        return bool(person.unsaid) and any(
            one.target in targets and one.allowed != allowed and (rule is None or rank(one) < rank(rule))
            for one in others
        )

    def _rules(self, place: Place, person: Person, target: str) -> Sequence[Rule]:
        """The rules about a target that fit a person in a place; of a kind that is not known, none does."""
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
    """What of the person's rights the platform does not say; "" where it says all."""
    what = {"": "", "roles": "which groups you are in", "person": "who you are"}[request.person.unsaid]
    return what and f"{request.place.platform.capitalize()} does not say {what} right now"


def _all_administrative(command: Command) -> bool:
    return bool(command.subcommands) and all(below.administrative for below in command.subcommands)


def nearest_first(rule: Rule) -> tuple[int, bool]:
    """The order in which rules count: the nearest subject first, and among equals a prohibition."""
    return RULED.index(rule.subject.kind), rule.allowed


def nearest(rules: Sequence[Rule]) -> Rule | None:
    """The rule that counts among those that fit."""
    return min(rules, key=nearest_first, default=None)


def must_be_allowed_to_steer(person: Person, place: Place, asked_by: str, asked_in: Place) -> None:
    """Stop and Retry belong to the asker and to administrators, where it was asked. Raises Denied.

    A private answer may have come as a direct message to the asker.
    """
    same_channel = (place.platform, place.workspace, place.channel) == (
        asked_in.platform,
        asked_in.workspace,
        asked_in.channel,
    )
    asker = person.id == asked_by and place.platform == asked_in.platform
    if not ((same_channel and (asker or person.administrator)) or (asker and place.direct)):
        raise Denied("Only the person who asked, or an administrator, can do that.")
