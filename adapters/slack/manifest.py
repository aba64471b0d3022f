"""The app manifest: all that Slack must know of the bot, made from the declared commands."""

from __future__ import annotations

from collections.abc import Sequence

from bot.types import Command, Option

DESCRIPTION = "Answers questions with pretrained models: mention it, write to it, or use its commands."

EVENTS = (
    "agent_session_stopped",
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
    "assistant:write",  # Slack's agent surface
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


def manifest(commands: Sequence[Command], ask_command: str, command: str) -> dict[str, object]:
    """The manifest; `ask_command` and `command` are the names of the slash commands."""
    offered = [declared for declared in commands if not declared.hidden]
    ask = next((declared for declared in offered if declared.name == "ask"), None)
    hint = f"[{' | '.join(declared.name for declared in offered)}]"
    slash = [_slash(command, "Everything else that the bot can do", hint)]
    if ask is not None:
        slash.insert(0, _slash(ask_command, ask.summary, " ".join(_hint(option) for option in _last_text(ask))))
    return {
        "display_information": {"name": "Shoulders", "description": DESCRIPTION, "background_color": "#1d3d3a"},
        "features": {
            "agent_view": {"agent_description": DESCRIPTION},
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "shoulders", "always_online": True},
            "shortcuts": [_shortcut(declared) for declared in offered if declared.shortcut],
            "slash_commands": slash,
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def _shortcut(command: Command) -> dict[str, object]:
    return {
        "name": command.shortcut,
        "type": "message",
        "callback_id": command.name,
        "description": command.summary,
    }


def _slash(name: str, summary: str, hint: str) -> dict[str, object]:
    return {"command": name, "description": summary, "usage_hint": hint[:1000], "should_escape": True}


def _last_text(command: Command) -> Sequence[Option]:
    """Options in the order in which they are written: the words come last."""
    return sorted(command.options, key=lambda option: option.required)


def _hint(option: Option) -> str:
    if option.required:
        return f"[{option.summary.lower()}]"
    return f"[--{option.name}]" if option.kind == "flag" else f"[--{option.name} {option.name.upper()}]"
