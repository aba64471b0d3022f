"""The `[discord]` table of config.toml."""

from __future__ import annotations

from pydantic import Field

from bot.interfaces.config import Section


class DiscordSettings(Section):
    """The `[discord]` table."""

    api_url: str = Field(
        default="",
        pattern=r"^(https?://.*[^/])?$",
        description="The address of Discord's API; empty means Discord's own.",
        examples=["https://discord.com/api/v10"],
    )
    gateway_url: str = Field(
        default="",
        pattern=r"^(wss?://.*)?$",
        description="The address of the gateway; empty means the one that the API returns.",
        examples=["wss://gateway.discord.gg"],
    )
    message_content: bool = Field(
        default=True,
        description="Ask for the message-content intent; without it the bot reads only direct messages, mentions and "
        "replies that ping it.",
    )
    requests_per_second: float = Field(default=40.0, gt=0, description="The most calls a second in all.")
    edits_per_second: float = Field(default=0.75, gt=0, description="The most edits a second in a channel.")
