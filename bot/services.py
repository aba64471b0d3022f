"""The services that every command gets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.administration.limits.budget import Budget
from bot.administration.model_choice import ModelChoice
from bot.administration.policy import Policy
from bot.administration.retention import Retention
from bot.administration.rights import Rights
from bot.administration.settings import Settings
from bot.administration.state import Administration
from bot.catalogue import Catalogue
from bot.config import Config
from bot.interfaces.adapter import Adapter
from bot.interfaces.backend import Backend
from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.history import HistoryStore
from bot.interfaces.messages import Request
from bot.interfaces.records import RecordStore
from bot.interfaces.store import ConversationStore
from bot.interfaces.usage import UsageStore
from bot.utils.upload_memory import Room


@dataclass(frozen=True, slots=True)
class Services:
    """The stores, the settings and rights in force, the models and their budget, the platforms and the running answers.

    `stop` stops the answer to a request and returns whether one was running. `running` returns the request that is
    being answered in a conversation. `room` bounds the memory for people's files.
    """

    config: Config
    conversations: ConversationStore
    history: HistoryStore
    records: RecordStore
    usage: UsageStore
    administration: Administration
    policy: Policy
    rights: Rights
    models: ModelChoice
    budget: Budget
    retention: Retention
    catalogue: Catalogue
    adapters: Mapping[str, Adapter]
    commands: Sequence[Command]
    recent: RecentRequests
    stop: Callable[[int], bool]
    running: Callable[[int], int | None]
    room: Room = field(default_factory=Room)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Return the backend of every model in the catalogue, by the model's name."""
        return self.catalogue.backends

    def settings(self, request: Request) -> Settings:
        """Return the settings in force for the person and the place of a request."""
        return self.administration.settings(request.place, request.person)


RECENT_REQUESTS = 500
"""The most requests in memory."""


class RecentRequests:
    """The newest requests, by the number of their row."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, Request] = OrderedDict()

    def keep(self, number: int, request: Request) -> None:
        """Remember a request."""
        self._requests[number] = request
        while len(self._requests) > RECENT_REQUESTS:
            self._requests.popitem(last=False)

    def get(self, number: str) -> Request | None:
        """Return the request of a button by its number; None for a forgotten one. Check the person's rights to it."""
        return self._requests.get(int(number)) if number.isdecimal() else None

    def require(self, number: str) -> Request:
        """Return the request of a button by its number. Raises UserError for a forgotten one."""
        request = self.get(number)
        if request is None:
            raise UserError("I no longer have the request of this button. Ask again.")
        return request
