"""The app manifest: all that Slack must know of the bot, made from the declared commands."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack import shortcuts
from bot.interfaces.command import Command, Option

DESCRIPTION = "Answers questions with pretrained models: mention it, write to it, or use its commands."

AGENT_EVENT, AGENT_SCOPE = "agent_session_stopped", "assistant:write"
"""What belongs to Slack's agent surface, which guests may not use and some plans do not have."""

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
    "user_change",  # rights that were given or taken hold at once
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
    "im:write",  # private answers whose time has run out go on as a direct message
    "mpim:history",
    "mpim:read",
    "usergroups:read",  # rules for user groups
    "users:read",  # names, and who is an administrator or a guest
)


def manifest(commands: Sequence[Command], ask_command: str, command: str, *, plain: bool = False) -> dict[str, object]:
    """The manifest; `ask_command` and `command` are the names of the slash commands.

    A `plain` one is without Slack's agent surface.
    """
    offered = [declared for declared in commands if not declared.hidden]
    ask = next((declared for declared in offered if declared.name == "ask"), None)
    hint = f"[{' | '.join(declared.name for declared in offered)}]"
    slash = [_slash(command, "Everything else that the bot can do", hint)]
    if ask is not None:
        slash.insert(0, _slash(ask_command, ask.summary, " ".join(_hint(option) for option in _last_text(ask))))
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
            "shortcuts": _shortcuts(offered),
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
    direct, rest = shortcuts.arranged(commands)
    made = [(one.shortcut, one.name, one.summary) for one in direct]
    made += [(shortcuts.MORE_LABEL, shortcuts.MORE, shortcuts.MORE_SUMMARY)] if rest else []
    return [
        {"name": label, "type": "message", "callback_id": key, "description": summary} for label, key, summary in made
    ]


def _slash(name: str, summary: str, hint: str) -> dict[str, object]:
    return {"command": name, "description": summary, "usage_hint": hint[:1000], "should_escape": True}


def _last_text(command: Command) -> Sequence[Option]:
    """Options in the order in which they are written: the words come last."""
    return sorted(command.options, key=lambda option: option.required)


def _hint(option: Option) -> str:
    if option.required:
        return f"[{option.summary.lower()}]"
    return f"[--{option.name}]" if option.kind == "flag" else f"[--{option.name} {option.name.upper()}]"
