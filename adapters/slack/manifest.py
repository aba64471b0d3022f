"""The app manifest, made from the declared commands."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack import shortcuts
from bot.interfaces.command import Command, Option

DESCRIPTION = "Answers questions with pretrained models. Mention it, write to it, or use its commands."

AGENT_EVENT, AGENT_SCOPE = "agent_session_stopped", "assistant:write"
"""The parts of Slack's agent surface, which guests cannot use and some plans do not have."""

EVENTS = (
    AGENT_EVENT,
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_deleted",
    "group_deleted",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "subteam_created",
    "subteam_members_changed",
    "subteam_updated",
    "tokens_revoked",
    "user_change",  # changes of rights apply at once
)

SCOPES = (
    "app_mentions:read",
    AGENT_SCOPE,
    "channels:history",
    "channels:read",  # names of channels, and joining one
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:write",  # late private answers become direct messages
    "mpim:history",
    "mpim:read",
    "usergroups:read",  # rules for user groups
    "users:read",  # names, and the rights of administrators and guests
)


def manifest(commands: Sequence[Command], ask_command: str, command: str, *, plain: bool = False) -> dict[str, object]:
    """Return the manifest with the slash commands `ask_command` and `command`.

    A `plain` one has no agent surface.
    """
    visible = [declared for declared in commands if not declared.hidden]
    ask = next((declared for declared in visible if declared.name == "ask"), None)
    usage = f"[{' | '.join(declared.name for declared in visible)}]"
    slash = [_slash(command, "All other commands of the bot", usage)]
    if ask is not None:
        slash.insert(0, _slash(ask_command, ask.summary, " ".join(_usage(option) for option in _text_last(ask))))
    return {
        "display_information": {"name": "Shoulders", "description": DESCRIPTION, "background_color": "#1d3d3a"},
        "features": {
            **({} if plain else {"agent_view": {"agent_description": DESCRIPTION}}),
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "shoulders", "always_online": True},
            "shortcuts": _shortcuts(visible),
            "slash_commands": slash,
        },
        "oauth_config": {"scopes": {"bot": [scope for scope in SCOPES if not (plain and scope == AGENT_SCOPE)]}},
        "settings": {
            "event_subscriptions": {"bot_events": [event for event in EVENTS if not (plain and event == AGENT_EVENT)]},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def _shortcuts(commands: Sequence[Command]) -> Sequence[dict[str, object]]:
    in_menu, in_form = shortcuts.menu_and_form(commands)
    entries = [(one.shortcut, one.name, one.summary) for one in in_menu]
    entries += [(shortcuts.MORE_LABEL, shortcuts.MORE, shortcuts.MORE_SUMMARY)] if in_form else []
    return [
        {"name": label, "type": "message", "callback_id": key, "description": summary}
        for label, key, summary in entries
    ]


def _slash(name: str, summary: str, usage: str) -> dict[str, object]:
    return {"command": name, "description": summary, "usage_hint": usage[:1000], "should_escape": True}


def _text_last(command: Command) -> Sequence[Option]:
    """Return the options in the order of typing: the text comes last."""
    return sorted(command.options, key=lambda option: option.required)


def _usage(option: Option) -> str:
    if option.required:
        return f"[{option.summary.lower()}]"
    return f"[--{option.name}]" if option.kind == "flag" else f"[--{option.name} {option.name.upper()}]"
