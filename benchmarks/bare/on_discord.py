"""A bare bot on Discord: discord.py calls the model and replies with its answer."""

from __future__ import annotations

import os

import discord
import openai


class Bare(discord.AutoShardedClient):
    """A client that answers every mention."""

    def __init__(self, base_url: str) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True))
        self.model = openai.AsyncOpenAI(base_url=base_url, api_key="none")

    async def on_message(self, message: discord.Message) -> None:
        """Call the model at once and reply with the whole answer."""
        if self.user not in message.mentions or message.author.bot:
            return
        events = await self.model.chat.completions.create(
            model="test", messages=[{"role": "user", "content": message.content}], stream=True
        )
        text = "".join([event.choices[0].delta.content or "" async for event in events if event.choices])
        await message.reply(text, allowed_mentions=discord.AllowedMentions.none())


if __name__ == "__main__":
    discord.http.Route.BASE = os.environ["API_URL"]
    Bare(os.environ["MODEL_URL"]).run(os.environ["DISCORD_TOKEN"], log_handler=None)
