"""The `[slack]` table of config.toml."""

from __future__ import annotations

from pydantic import Field

from bot.interfaces.config import Section


class SlackSettings(Section):
    """The `[slack]` table. An empty address means Slack's own.

    `ask_command` and `command` are the app's slash commands; another app in the workspace may have the same names.
    `pace` multiplies the bot's rate limits, which stay below Slack's published ones; a workspace with higher limits can
    set more than 1. With `links_in_edits`, links in edited messages work, but Slack may load their previews: it
    documents no way to turn them off in edits.
    """

    api_url: str = Field(default="", pattern=r"^(https?://.*)?$", examples=["https://slack.com/api"])
    ask_command: str = Field(default="/ask", pattern=r"^/[a-z0-9_-]{1,31}$", examples=["/ask"])
    command: str = Field(default="/shoulders", pattern=r"^/[a-z0-9_-]{1,31}$", examples=["/shoulders"])
    pace: float = Field(default=1.0, gt=0)
    links_in_edits: bool = False
