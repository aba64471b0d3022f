"""Calls to Slack's Web API, within its rate limits and with the bot's errors.

It stays open without the socket: answers are written while the socket is away. No call is repeated here, because a post
with a lost response may exist; callers search for it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.shared.rate_limiter import RateLimit, RateLimiter
from adapters.slack.errors import ERRORS, LOCAL, RATE_LIMITED, REFUSED, TEMPORARY, SlackRefused
from adapters.slack.manifest import AGENT_SCOPE
from adapters.slack.payloads import SlackAnswer, read_answer
from adapters.slack.reply_target import Json
from adapters.slack.timeouts import DEFAULT, SlackTimeouts
from bot.interfaces.connector import Connector, OneLine, meant_secure, why, written
from bot.interfaces.errors import ConfigError, Forbidden, Gone, PlatformError
from bot.interfaces.network import DIRECT, Network, Trouble

log = logging.getLogger(__name__)

library_log = logging.getLogger("slack_bolt")
library_log.addFilter(OneLine())
library_log.setLevel(logging.ERROR)  # below, it warns of unused tokens and formats each call

SLACK = "https://slack.com/api/"
CALL_SECONDS = 30.0
UPLOAD = aiohttp.ClientTimeout(total=300.0)
PAGE = 200
MOST_DELETIONS = 1_000

OPEN_SOCKET, OPEN_PAUSE = "apps.connections.open", 60.0

NAMES, NAMES_A_SECOND, NAMES_AT_ONCE = "names", 0.75, 15
"""The bucket for names of people and channels, which leaves calls for their rights."""

PER_MINUTE: Mapping[str, int] = {
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.appendStream": 100,
    "chat.postMessage": 300,
    "chat.postEphemeral": 100,
    OPEN_SOCKET: 24,  # Slack documents 1, but accepts several at once
    "users.info": 100,
    "users.conversations": 20,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "usergroups.list": 20,
    "views.open": 100,
    "views.publish": 100,
}
"""Slack's calls a minute by method; other methods are of tier 3."""

TIER_3 = 50
POSTS_A_SECOND, POSTS_AT_ONCE = 0.95, 3
"""The limits of one channel."""

EDITS_A_SECOND = 2.0
"""The limit of one draft: people do not see more, and other drafts need the calls."""

TOKEN_ERRORS: Mapping[str, str] = {
    "invalid_auth": "Slack does not accept {token}. Copy it again: api.slack.com/apps, {page}.",
    "not_authed": "Slack does not accept {token}. Copy it again: api.slack.com/apps, {page}.",
    "not_allowed_token_type": "{token} is a token of the wrong kind. Copy the right one: api.slack.com/apps, {page}.",
    "account_inactive": "{token} belongs to a bot that was removed. Install the app again: api.slack.com/apps.",
    "token_revoked": "{token} was revoked. Install the app again: api.slack.com/apps, {page}.",
    "token_expired": "{token} has expired. Copy it again: api.slack.com/apps, {page}.",
}
REMOVED = ("account_inactive", "token_revoked", "invalid_auth")
"""Slack's errors for the token of a removed bot."""

TOKENS: Mapping[bool, Mapping[str, str]] = {
    False: {"token": "SLACK_BOT_TOKEN", "page": "OAuth & Permissions (it begins with xoxb-)"},
    True: {"token": "SLACK_APP_TOKEN", "page": "Basic Information, App-Level Tokens (it begins with xapp-)"},
}

POST, UPDATE, DELETE = "chat.postMessage", "chat.update", "chat.delete"

FAILURES = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""The errors that slack_sdk's calls raise."""


def rate_limit_for(pace: float, name: str) -> RateLimit:
    """Return the rate limit of a method, of a channel's posts or of a draft's edits, below Slack's in every minute."""
    if name.startswith("draft:"):
        return RateLimit(EDITS_A_SECOND)
    if name == NAMES:
        return RateLimit(NAMES_A_SECOND * pace, max(1, int(NAMES_AT_ONCE * pace)))
    if name.startswith("channel:"):
        return RateLimit(POSTS_A_SECOND * pace, max(1, int(POSTS_AT_ONCE * pace)))
    per_minute = PER_MINUTE.get(name, TIER_3) * pace
    burst = max(1, int(per_minute / 4))
    return RateLimit(0.75 * per_minute / 60, burst, burst // 3 if name == UPDATE else 0)


def rate_limits_of(method: str, channel: str = "") -> Sequence[str]:
    """Return the names of the rate limits that a call counts against."""
    return (method, f"channel:{channel}") if method == POST else (method,)


class SlackApi:
    """The API of one workspace. Every call raises PlatformError, or ConfigError for a wrong token."""

    def __init__(
        self,
        bot_token: str,
        app_token: str,
        api_url: str,
        limiter: RateLimiter,
        network: Network = DIRECT,
        *,
        links_in_edits: bool = False,
        timeouts: SlackTimeouts = DEFAULT,
    ) -> None:
        self.me = self.team = self.team_name = self.name = self.site = ""
        self.scopes: frozenset[str] | None = None
        """The permissions of the bot's token; None where Slack does not report them."""
        self.links_in_edits = links_in_edits
        self.enterprise = self.app = ""
        """The organisation's id, "" for none; the app's id, once a socket reported it."""
        self.deleted = OrderedDict[tuple[str, str], None]()
        """The last messages that the bot deleted."""
        self.app_token = app_token
        self.limiter = limiter
        self.timeouts = timeouts
        self._unavailable: set[str] = set()
        self._token = bot_token
        self._url = api_url or SLACK
        self._network = network
        self._settings = written("slack", api_url=api_url)
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None

    @property
    def web(self) -> AsyncWebClient:
        """Return the client, which has one session for all calls and repeats none."""
        if self._web is None:
            self._session = aiohttp.ClientSession(
                connector=self.connector(), timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)
            )
            self._web = AsyncWebClient(
                self._token, self._url, session=self._session, retry_handlers=[], logger=library_log
            )
        return self._web

    def connector(self, on_trouble: Callable[[Trouble], None] = lambda _: None) -> Connector:
        """Return a connector for one session.

        It replaces the proxy settings that slack_sdk reads from the environment.
        """
        return Connector(self._network, self._settings, told=on_trouble)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        self._session = self._web = None

    async def sign_in(self) -> None:
        """Set `me`, `team`, `team_name`, `name`, `scopes`, `enterprise` and `site`, the workspace's address."""
        await self._network.prepare()
        found, headers = await self._call("auth.test", {}, reads=True)
        self.me, self.team = str(found["user_id"]), str(found["team_id"])
        self.team_name, self.name = str(found.get("team", "")), str(found.get("user", ""))
        self.site = str(found.get("url", ""))
        granted = next(
            (response_text for name, response_text in headers.items() if name.lower() == "x-oauth-scopes"), None
        )
        self.scopes = None if granted is None else frozenset(scope.strip() for scope in granted.split(","))
        self.enterprise = str(found.get("enterprise_id") or "")

    @property
    def is_agent(self) -> bool:
        """Return whether the app has Slack's agent surface, or Slack does not report it."""
        return self.scopes is None or AGENT_SCOPE in self.scopes

    def is_available(self, method: str) -> bool:
        """Return whether to call a method of the agent surface: the app has it, and Slack did not refuse the method."""
        return self.is_agent and method not in self._unavailable

    def mark_unavailable(self, method: str, error: SlackRefused) -> None:
        """Stop calling a method that Slack refused, unless the reason concerns one person or place."""
        if isinstance(error, Gone) or error.code in LOCAL or method in self._unavailable:
            return
        log.warning("Slack refuses %s in this workspace (%s). The bot does not call it again", method, error.code)
        self._unavailable.add(method)

    async def is_removed(self) -> bool:
        """Return whether Slack reports that the bot was removed. Raises PlatformError without a report."""
        try:
            await self.sign_in()
        except ConfigError as error:
            log.warning("Slack: %s", error.message)
            return error_code(error) in REMOVED
        return False

    async def socket_url(self) -> str:
        """Return the address of the next socket. After a refusal, the next call waits for a minute."""
        await self.limiter.acquire((OPEN_SOCKET,), urgent=True)
        try:
            return str((await self._request(OPEN_SOCKET, {}, reads=True, app=True))["url"])
        except PlatformError as error:
            if isinstance(error.__cause__, SlackApiError):
                self.limiter.pause(OPEN_SOCKET, OPEN_PAUSE)
            raise

    async def write(self, method: str, body: Json, *, acquired: bool = False) -> Json:
        """Make a call that changes something; with `acquired`, its rate limit is acquired already."""
        if not acquired:
            await self.limiter.acquire(rate_limits_of(method, str(body.get("channel"))), urgent=True)
        return await self._request(method, body)

    async def post(self, channel: str, body: Json, metadata: Json, thread: str = "") -> str:
        """Post a message without previews of links, whose rate limit is acquired already; return its ts."""
        place: Json = {"channel": channel, "thread_ts": thread} if thread else {"channel": channel}
        no_previews: Json = {"unfurl_links": False, "unfurl_media": False}
        metadata_field: Json = {"metadata": metadata} if metadata else {}
        return str((await self.write(POST, body | no_previews | metadata_field | place, acquired=True))["ts"])

    async def delete(self, channel: str, ts: str) -> None:
        """Delete a message; a missing one is not an error."""
        self.deleted[channel, ts] = None
        while len(self.deleted) > MOST_DELETIONS:
            self.deleted.popitem(last=False)
        try:
            await self.write(DELETE, {"channel": channel, "ts": ts})
        except Gone as error:
            log.info("A message to delete is missing: %s", error)

    async def read(self, method: str, arguments: Mapping[str, object], *, acquired: bool = False) -> SlackAnswer:
        """Make a call that reads; with `acquired`, its rate limit is acquired already."""
        return read_answer(await self.read_raw(method, arguments, acquired=acquired))

    async def read_raw(self, method: str, arguments: Mapping[str, object], *, acquired: bool = False) -> Json:
        """Make a call that reads; return all fields of the response."""
        if not acquired:
            await self.limiter.acquire((method,), urgent=True)
        return await self._request(method, arguments, reads=True)

    async def pages(self, method: str, most: int, arguments: Mapping[str, object]) -> AsyncGenerator[SlackAnswer, None]:
        """Yield up to `most` pages of a list."""
        cursor: dict[str, str] = {}
        for _ in range(most):
            page = await self.read(method, {"limit": PAGE, **arguments, **cursor})
            yield page
            following = page.get("response_metadata", {}).get("next_cursor")
            if not following:
                return
            cursor = {"cursor": following}

    async def respond(self, url: str, body: Json) -> None:
        """Answer through a response_url, without previews of links."""
        assert self.web.session is not None
        no_previews: Json = {"unfurl_links": False, "unfurl_media": False}
        try:
            async with self.web.session.post(url, json=body | no_previews) as response:
                response_text = await response.text()
        except FAILURES as error:
            raise PlatformError(why(error, "Slack")) from error
        if response.status in (401, 403, 404, 410):
            raise Gone("Slack accepts no further private answer here. Ask again.")
        if response.status == 400:
            raise Forbidden(f"{REFUSED} ({response_text[:100]}).")
        if response.status != 200 or '"ok":false' in response_text.replace(" ", ""):
            raise PlatformError(f"Slack did not accept a private answer ({response.status}).")

    async def put(self, url: str, content: bytes) -> None:
        """Upload a file to an address from Slack."""
        assert self.web.session is not None
        try:
            async with self.web.session.post(url, data=content, timeout=UPLOAD) as response:
                await response.read()
        except FAILURES as error:
            raise PlatformError(why(error, "Slack")) from error
        if response.status != 200:
            raise PlatformError(f"Slack did not accept a file ({response.status}).")

    async def direct_channel(self, person: str) -> str:
        """Return the channel of the direct messages with a person."""
        opened = read_answer(await self.write("conversations.open", {"users": person}))
        return opened.get("channel", {}).get("id", "")

    async def _request(
        self, method: str, body: Mapping[str, object], *, reads: bool = False, app: bool = False
    ) -> Json:
        answer, _ = await self._call(method, body, reads=reads, app=app)
        return answer

    async def _call(
        self, method: str, body: Mapping[str, object], *, reads: bool = False, app: bool = False
    ) -> tuple[Json, Mapping[str, str]]:
        """Return the response and its headers."""
        headers = {"Authorization": f"Bearer {self.app_token}"} if app else None
        try:
            if reads:
                answer = await self.web.api_call(method, params=dict(body), headers=headers)
            else:
                answer = await self.web.api_call(method, json=dict(body))
        except FAILURES as error:
            trouble = await meant_secure(error, self._url, self._network, self._settings)
            raise (PlatformError(str(trouble)) if trouble else self._error_of(method, body, error, app=app)) from error
        return answer.data if isinstance(answer.data, dict) else {}, answer.headers

    def _error_of(
        self, method: str, body: Mapping[str, object], error: Exception, *, app: bool
    ) -> PlatformError | ConfigError:
        """Return the bot's error for one of slack_sdk's; pause the rate limits for a Retry-After."""
        response = error.response if isinstance(error, SlackApiError) else None
        if response is None:
            return PlatformError(why(error, "Slack"))
        data, status = getattr(response, "data", None), getattr(response, "status_code", 0)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in RATE_LIMITED:
            seconds = float(response.headers.get("Retry-After", self.timeouts.limit))
            for name in rate_limits_of(method, str(body.get("channel"))):
                self.limiter.pause(name, seconds)
            return PlatformError(f"Slack's rate limit is reached. Try again in {seconds:.0f} s.")
        if code in TOKEN_ERRORS:
            return ConfigError(TOKEN_ERRORS[code].format_map(TOKENS[app]))
        if code in ERRORS:
            kind, sentence = ERRORS[code]
            return kind(f"{sentence} ({method}: {code}).", code)
        sentence = f"Slack failed ({method}: {code or status})."
        return PlatformError(sentence) if code in ("", *TEMPORARY) else SlackRefused(sentence, code)


def error_code(error: BaseException) -> str:
    """Return Slack's code of an error, "" for none."""
    cause = error.__cause__
    return str(cause.response.get("error", "")) if isinstance(cause, SlackApiError) else ""


def objects_in(value: object) -> Sequence[Json]:
    """Return the objects in a list of a response."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
