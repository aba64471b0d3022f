"""The `[slack]` table of config.toml."""

from __future__ import annotations

from pydantic import Field

from bot.interfaces.config import Section


class SlackSettings(Section):
    """The `[slack]` table. An empty address means Slack's own.

    `ask_command` and `command` are the slash commands that the app declares; Slack's names are not namespaced, so
    another app in the workspace may have one of them already. `pace` multiplies the rates that the bot allows itself,
    which are Slack's published ones; a workspace with raised limits can set more. `links_in_edits` says that links can
    be clicked in messages that were edited, too, although Slack documents no way to have no preview of them fetched.
    """

    api_url: str = Field(default="", pattern=r"^(https?://.*)?$", examples=["https://slack.com/api"])
    ask_command: str = Field(default="/ask", pattern=r"^/[a-z0-9_-]{1,31}$", examples=["/ask"])
    command: str = Field(default="/shoulders", pattern=r"^/[a-z0-9_-]{1,31}$", examples=["/shoulders"])
    pace: float = Field(default=1.0, gt=0)
    links_in_edits: bool = False
