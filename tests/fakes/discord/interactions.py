"""The responses to interactions, and the calls after them."""

from __future__ import annotations

from dataclasses import replace

from tests.fakes.discord.rules import FOLLOWUP_FIELDS, modal_faults, refuse
from tests.fakes.discord.world import EPHEMERAL, LOADING, TOKEN_SECONDS, Interaction, Json, Message, as_list, made_at
from tests.fakes.discord.writing import Call, Writing


class Interactions(Writing):
    """The calls of an interaction's token. `forgetful`: everybody sees a follow-up after a deleted first answer."""

    forgetful = False

    def _callback(self, call: Call) -> None:
        """Answer a callback with 204: the bot does not ask for the response."""
        interaction = self._world.interactions.get(call.args[0])
        if interaction is None or interaction.token != call.args[1]:
            raise refuse(404, 10062, "Unknown interaction")
        if interaction.callback:
            self._violate(f"interaction {interaction.id} is answered twice")
            raise refuse(400, 40060, "Interaction has already been acknowledged.")
        if self._world.clock.now() - made_at(interaction.id) > 3:
            self._violate(f"interaction {interaction.id} is answered after more than 3 s")
            raise refuse(404, 10062, "Unknown interaction")
        kind, data = int(str(call.body.get("type"))), call.body.get("data")
        if set(call.body) - {"type", "data"} or (data is not None and not isinstance(data, dict)):
            raise self._fault(f"callback fields {sorted(call.body)}")
        allowed = {2: (4, 5, 9), 3: (4, 5, 6, 7, 9), 4: (8,), 5: (4, 5, 6, 7)}[interaction.kind]
        if interaction.kind == 5 and not interaction.source:
            allowed = (4, 5)
        if kind not in allowed:
            raise self._fault(f"callback type {kind} to an interaction of type {interaction.kind}")
        interaction.callback = kind
        self._respond(interaction, kind, data or {})

    def _respond(self, interaction: Interaction, kind: int, data: Json) -> None:
        flags = int(str(data.get("flags", 0)))
        if kind == 8:
            choices = as_list(data.get("choices"))
            interaction.choices = [str(choice["value"]) for choice in choices]
            if len(choices) > 25 or any(not 1 <= len(choice) <= 100 for choice in interaction.choices):
                raise self._fault("completions that are not at most 25 of at most 100 characters")
        elif kind == 5:
            interaction.ephemeral = bool(flags & EPHEMERAL)
            message = self._new_message({"content": ""}, interaction.channel, flags | LOADING)
            self._own(interaction, message, ephemeral=interaction.ephemeral)
            interaction.original = message.id
        elif kind == 6:
            interaction.original = interaction.source
        elif kind == 4:
            flags = self._check(data, FOLLOWUP_FIELDS, reply=False)
            message = self._new_message(data, interaction.channel, flags)
            self._own(interaction, message, ephemeral=bool(flags & EPHEMERAL))
            interaction.original = message.id
        elif kind == 9:
            self._must_be_right("modal", modal_faults(data))
            interaction.modal = data
        else:
            raise self._fault(f"callback type {kind} is not spoken here")

    def _follow_up(self, call: Call) -> Json:
        """Send a follow-up; it replaces a first answer that is only "thinking…", without regard to the flags."""
        interaction = self._alive(call)
        original = self._world.messages.get(interaction.original)
        if original is not None and original.loading and not original.deleted:
            original.flags &= ~LOADING
            return self._change(original, replace(call, body={k: v for k, v in call.body.items() if k != "flags"}))
        flags = self._check(call.body, FOLLOWUP_FIELDS, reply=False)
        if self.forgetful and original is not None and original.deleted:
            flags &= ~EPHEMERAL
        message = self._new_message(call.body, interaction.channel, flags)
        self._own(interaction, message, ephemeral=bool(flags & EPHEMERAL))
        return self._show(message)

    def _own(self, interaction: Interaction, message: Message, *, ephemeral: bool) -> None:
        message.interaction = interaction.id
        message.only_for = interaction.user if ephemeral else ""
        interaction.messages.append(message.id)
        self._added(message)

    def _edit_answer(self, call: Call) -> Json:
        message = self._answer(call)
        self._must_be_open(message.channel)
        message.flags &= ~LOADING
        return self._change(message, call)

    def _delete_answer(self, call: Call) -> None:
        self._remove(self._answer(call))

    def _answer(self, call: Call) -> Message:
        interaction = self._alive(call)
        name = interaction.original if call.args[2] == "@original" else call.args[2]
        message = self._world.messages.get(name)
        own = message is not None and name in (*interaction.messages, interaction.source)
        if message is None or not own or message.deleted:
            raise refuse(404, 10008, "Unknown Message")
        return message

    def _alive(self, call: Call) -> Interaction:
        interaction = self._world.by_token.get(call.args[1])
        if interaction is None or call.args[0] != self._world.bot.id or not interaction.callback:
            raise refuse(404, 10015, "Unknown Webhook")
        if self._world.clock.now() - made_at(interaction.id) > TOKEN_SECONDS:
            self._violate(f"interaction {interaction.id} is used after its token expired")
            raise refuse(401, 50027, "Invalid Webhook Token")
        return interaction
