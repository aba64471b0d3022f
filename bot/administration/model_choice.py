"""The choice of a model for a request: those that a person may use, the default one, and one that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.administration.policy import Policy
from bot.administration.state import Administration
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request


@dataclass(frozen=True, slots=True)
class AvailableModels:
    """The `names` of the models that a person may use in a place, in the catalogue's order.

    `chat` are those of them that converse. `default` answers where nobody chose: by the settings, else the first chat
    model that may be used. Where there is none it is the one of the settings, which is refused.
    """

    names: Sequence[str]
    chat: Sequence[str]
    default: str


class ModelChoice:
    """Chooses among `models`, the names of those that there are now, with their `sections`.

    `default` answers where no setting names one.
    """

    def __init__(
        self,
        administration: Administration,
        policy: Policy,
        models: Collection[str],
        sections: Mapping[str, ModelSection],
        default: str,
    ) -> None:
        self._administration = administration
        self._policy = policy
        self._models = models
        self._sections = sections
        self._default = default

    def available(self, request: Request) -> AvailableModels:
        """Return the models for a request.

        Administrators may use also what the setting `models` does not list, but only by its name.
        """
        there = list(self._models)  # in one step: an import asks in a thread while a model may be added
        names = self._policy.usable(request, there)
        chat = [name for name in names if self._sections[name].converses]
        settings = self._administration.settings(request.place, request.person)
        chosen = settings.model or self._default
        listed = [name for name in names if not settings.models or name in settings.models]
        usual = chosen if chosen in listed else next((name for name in chat if name in listed), chosen)
        return AvailableModels(names, chat, usual)

    def chat_model(self, request: Request, *wanted: str) -> str:
        """Return the first that is named of what is wanted, else the default. Raises UserError, or Denied."""
        name = next(filter(None, wanted), "")
        if not name:
            available = self.available(request)
            if available.default in available.chat:
                return available.default
            name = available.default
        self.require(request, name)
        section = self._sections[name]
        if not section.converses:
            raise UserError(f"“{name}” is no model to talk with: it can {', '.join(section.skills or section.can)}.")
        return name

    def require(self, request: Request, name: str) -> str:
        """Return the name of a model that there is and that this person may use here. Raises UserError, or Denied."""
        if name not in self._models:
            there = ", ".join(self.available(request).names)
            raise UserError(f"There is no model “{name}” here. There are: {there}.")
        if refused := self._policy.model_refusal(request, name):
            raise refused
        return name
