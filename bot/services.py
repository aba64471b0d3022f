"""What commands work with, handed to each of them."""

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

    `stop` ends the answer to a request and says whether there was one to end; `running` is the request that is being
    answered in a conversation. `room` is what people's files may take of the memory.
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
        """Every model's backend, by name, as the catalogue is now."""
        return self.catalogue.backends

    def settings(self, request: Request) -> Settings:
        """What is in force for who asks, where they ask."""
        return self.administration.settings(request.place, request.person)


RECENT_REQUESTS = 500
"""Requests that are remembered."""


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
        """What a button's request was about; None when it is not remembered. Not everybody may ask for it again."""
        return self._requests.get(int(number)) if number.isdecimal() else None

    def require(self, number: str) -> Request:
        """The same, where there is nothing to be done without it. Raises UserError."""
        known = self.get(number)
        if known is None:
            raise UserError("I no longer know what that was about: ask again, please.")
        return known
