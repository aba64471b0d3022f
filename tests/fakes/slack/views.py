"""The acts of people on the fake Slack beside writing: slash commands, buttons, menus, forms, the bot's page."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.slack.blocks import SELECTS
from tests.fakes.slack.socket import SocketMode
from tests.fakes.slack.world import APP, Act, Json, Message, View, World, as_list, elements, escape, shown_view


class Acting:
    """The part of FakeSlack for these acts. Each act has a trigger."""

    base_url: str
    team: str
    world: World
    socket: SocketMode

    def command(self, channel: str, user: str, command: str, text: str = "") -> Act:
        """Use a slash command."""
        act = self._act(user, channel)
        where, who = self.world.channels[channel], self.world.users[user]
        name = {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name)
        payload: Json = {
            "token": "legacy",
            "team_id": self.team,
            "team_domain": "team",
            "channel_id": channel,
            "channel_name": name,
            "user_id": user,
            "user_name": who.name.lower(),
            "command": command,
            "text": escape(text),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": f"{self.base_url}/response/{act.trigger}",
            "trigger_id": act.trigger,
        }
        self.socket.deliver("slash_commands", payload, act)
        return act

    def press(self, channel: str, ts: str, label: str, user: str) -> Act:
        """Press a button under a message, hidden or not."""
        button = self._found(channel, ts).buttons[label]
        return self._in_message(channel, ts, user, {"value": button.get("value")}, button)

    def shortcut(self, channel: str, ts: str, name: str, user: str) -> Act:
        """Choose a shortcut in a message's menu."""
        message = self._found(channel, ts)
        act = self._act(user, channel, message.thread, ts)
        payload: Json = {
            "type": "message_action",
            "callback_id": name,
            "trigger_id": act.trigger,
            "action_ts": self.world.clock.ts(),
            "message_ts": ts,
            "token": "legacy",
            "response_url": f"{self.base_url}/response/{act.trigger}",
            "team": {"id": self.team, "domain": "team"},
            "user": self._user(user),
            "channel": {"id": channel, "name": self.world.channels[channel].name},
            "message": message.json(),
        }
        self.socket.deliver("interactive", payload, act)
        return act

    def pick(self, channel: str, ts: str, label: str, value: str, user: str) -> Act:
        """Pick from a menu under a message, hidden or not."""
        menu = self._found(channel, ts).menus[label]
        return self._in_message(channel, ts, user, {"selected_option": _option(menu, value)}, menu)

    def open_home(self, user: str, channel: str, tab: str = "home") -> None:
        """Open the bot's page."""
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel, "tab": tab}
        self.event(event | {"event_ts": self.world.clock.ts()})

    def press_home(self, user: str, label: str) -> Act:
        button = elements(as_list(self.world.homes[user].get("blocks")), "button")[label]
        return self._in_home(user, {"value": button.get("value")}, button)

    def pick_home(self, user: str, label: str, value: str) -> Act:
        menu = elements(as_list(self.world.homes[user].get("blocks")), "static_select")[label]
        return self._in_home(user, {"selected_option": _option(menu, value)}, menu)

    def send(self, user: str, values: Mapping[str, str]) -> Act:
        """Send the form that a person has open, with these values changed.

        What Slack would not send is an error, but for options that are not offered: a client of one's own sends any.
        """
        view = self.world.modals[user]
        state: dict[str, Json] = {}
        for block in view.blocks:
            key, element = str(block["block_id"]), block["element"]
            assert isinstance(element, dict)
            filled = _filled(element, values.get(key))
            assert block.get("optional") or any(
                filled.get(name) for name in ("value", "selected_option", "selected_options")
            )
            state[key] = {str(element["action_id"]): filled}
        assert set(values) <= set(state), f"there is no {sorted(set(values) - set(state))}"
        del self.world.modals[user]
        act = self._act(user, "")
        payload: Json = {
            "type": "view_submission",
            "api_app_id": APP,
            "team": {"id": self.team, "domain": "team"},
            "user": self._sender(user),
            "token": "legacy",
            "trigger_id": act.trigger,
            "view": view.json() | {"state": {"values": state}},
            "response_urls": [],
        }
        self.socket.deliver("interactive", payload, act)
        return act

    def modal(self, user: str) -> View | None:
        """Return the form that a person has open."""
        return self.world.modals.get(user)

    def home(self, user: str) -> str:
        """Return the bot's page of a person."""
        blocks = as_list(self.world.homes.get(user, {}).get("blocks"))
        texts = [block["text"] for block in blocks if isinstance(block.get("text"), dict)]
        return "\n".join(str(text["text"]) for text in texts if isinstance(text, dict))

    def event(self, event: Json, **envelope: object) -> object:
        """Deliver any event."""
        raise NotImplementedError

    def _in_message(self, channel: str, ts: str, user: str, chosen: Json, element: Json) -> Act:
        message = self._found(channel, ts)
        act = self._act(user, channel, message.thread, ts)
        hidden = bool(message.only_for)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": hidden}
        payload: Json = {
            "channel": {"id": channel, "name": self.world.channels[channel].name},
            "container": container | ({"thread_ts": message.thread} if message.thread else {}),
            "response_url": f"{self.base_url}/response/{act.trigger}",
        }
        if not hidden:
            payload["message"] = message.json()
        return self._acted(act, payload, chosen, element)

    def _in_home(self, user: str, chosen: Json, element: Json) -> Act:
        view = self.world.homes[user]
        payload: Json = {"container": {"type": "view", "view_id": "V0"}, "view": shown_view("V0", view)}
        return self._acted(self._act(user, ""), payload, chosen, element)

    def _acted(self, act: Act, payload: Json, chosen: Json, element: Json) -> Act:
        action: Json = {key: element[key] for key in ("action_id", "type", "text", "placeholder") if key in element}
        action["block_id"] = "made-by-slack"
        common: Json = {
            "type": "block_actions",
            "api_app_id": APP,
            "team": {"id": self.team, "domain": "team"},
            "token": "legacy",
            "user": self._user(act.user),
            "trigger_id": act.trigger,
            "actions": [action | chosen | {"action_ts": self.world.clock.ts()}],
        }
        self.socket.deliver("interactive", common | payload, act)
        return act

    def _act(self, user: str, channel: str, thread: str = "", message: str = "") -> Act:
        if channel:
            self.world.channels[channel].members.add(user)
        clock = self.world.clock
        act = Act(clock.id("trigger-"), user, channel, thread, clock.now(), message)
        self.world.acts[act.trigger] = act
        return act

    def _user(self, user: str) -> Json:
        known = self.world.users[user]
        return self._sender(user) | {"username": known.name.lower()}

    def _sender(self, user: str) -> Json:
        known = self.world.users[user]
        return {"id": user, "name": known.name.lower(), "team_id": known.team}

    def _found(self, channel: str, ts: str) -> Message:
        hidden = (message for message in self.world.hidden if message.ts == ts)
        return self.world.messages.get((channel, ts)) or next(hidden)


def _option(menu: Json, value: str) -> Json:
    return next(option for option in as_list(menu.get("options")) if option.get("value") == value)


def _chosen(menu: Json, value: str) -> Json:
    """Return an option of a menu, or one that only a modified client can send."""
    made: Json = {"text": {"type": "plain_text", "text": value}, "value": value}
    return next((option for option in as_list(menu.get("options")) if option.get("value") == value), made)


def _filled(element: Json, value: str | None) -> Json:
    """Return the state of an input: the person's value, or the value at the opening."""
    kind = element["type"]
    if kind not in SELECTS:
        text = str(element.get("initial_value") or "") if value is None else value
        assert len(text) <= int(str(element.get("max_length", 3_000)))
        return {"type": kind, "value": text or None}
    if kind == "static_select":
        chosen = element.get("initial_option") if value is None else _chosen(element, value)
        return {"type": kind, "selected_option": chosen}
    several = element.get("initial_options") or []
    if value is not None:
        several = [_chosen(element, one) for one in value.split(",") if one]
    return {"type": kind, "selected_options": several}
