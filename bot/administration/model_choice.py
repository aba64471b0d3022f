"""The choice of a model for a request: the available ones, the default one, and a requested one."""

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

    `chat` are those that converse. `default` answers where nobody chose: the model of the settings or, where this may
    not be used, the first chat model. Without a chat model it is that of the settings, which is then refused.
    """

    names: Sequence[str]
    chat: Sequence[str]
    default: str


class ModelChoice:
    """Chooses among `models`, the names in the catalogue, with their `sections`.

    `default` is the model that answers where no setting names one.
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

        Administrators may also use models that the setting `models` does not list, but only by name.
        """
        every = list(self._models)  # a copy in one step: an import runs in a thread while a model may be added
        names = self._policy.usable(request, every)
        chat = [name for name in names if self._sections[name].converses]
        settings = self._administration.settings(request.place, request.person)
        chosen = settings.model or self._default
        listed = [name for name in names if not settings.models or name in settings.models]
        default = chosen if chosen in listed else next((name for name in chat if name in listed), chosen)
        return AvailableModels(names, chat, default)

    def chat_model(self, request: Request, *names: str) -> str:
        """Return the first of the names that is not empty, else the default model. Raises UserError or Denied."""
        name = next(filter(None, names), "")
        if not name:
            available = self.available(request)
            if available.default in available.chat:
                return available.default
            name = available.default
        self.require(request, name)
        section = self._sections[name]
        if not section.converses:
            raise UserError(f"“{name}” is not a chat model. It supports: {', '.join(section.skills or section.can)}.")
        return name

    def require(self, request: Request, name: str) -> str:
        """Return the name if this person may use that model here. Raises UserError or Denied."""
        if name not in self._models:
            available = ", ".join(self.available(request).names)
            raise UserError(f"There is no model “{name}” here. Available models: {available}.")
        if refused := self._policy.model_refusal(request, name):
            raise refused
        return name
