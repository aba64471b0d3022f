"""The `[discord]` table of config.toml."""

from __future__ import annotations

from pydantic import Field

from bot.interfaces.config import Section


class DiscordSettings(Section):
    """The `[discord]` table."""

    api_url: str = Field(
        default="",
        pattern=r"^(https?://.*[^/])?$",
        description="Where Discord's API is; empty means Discord's own.",
        examples=["https://discord.com/api/v10"],
    )
    gateway_url: str = Field(
        default="",
        pattern=r"^(wss?://.*)?$",
        description="The gateway, whatever the API says; empty means what it says.",
        examples=["wss://gateway.discord.gg"],
    )
    message_content: bool = Field(
        default=True,
        description="Ask for the message-content intent; without it the bot reads direct messages, mentions and "
        "replies that ping it.",
    )
    requests_per_second: float = Field(default=40.0, gt=0, description="Calls that the bot allows itself in all.")
    edits_per_second: float = Field(default=0.75, gt=0, description="Edits that it allows itself in one channel.")
