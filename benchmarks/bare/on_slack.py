"""A bare bot on Slack: slack-bolt calls the model and replies with its answer."""

from __future__ import annotations

import asyncio
import os

import openai
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.say.async_say import AsyncSay
from slack_sdk.web.async_client import AsyncWebClient

model = openai.AsyncOpenAI(base_url=os.environ["MODEL_URL"], api_key="none")


async def answer(event: dict[str, str], say: AsyncSay) -> None:
    """Call the model at once and reply with the whole answer."""
    events = await model.chat.completions.create(
        model="test", messages=[{"role": "user", "content": event["text"]}], stream=True
    )
    text = "".join([event.choices[0].delta.content or "" async for event in events if event.choices])
    await say(text, thread_ts=event["ts"])


async def main() -> None:
    web = AsyncWebClient(token=os.environ.pop("SLACK_BOT_TOKEN"), base_url=os.environ["API_URL"].rstrip("/") + "/")
    app = AsyncApp(client=web)
    app.event("app_mention")(answer)
    app.event("message")(_ignore)
    handler = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
    await handler.connect_async()  # type: ignore[no-untyped-call]  # the library types it half
    await asyncio.Event().wait()


async def _ignore() -> None:
    """Ignore the second event of a post: Slack sends `message` beside `app_mention`."""


if __name__ == "__main__":
    asyncio.run(main())
