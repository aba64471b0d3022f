"""Calls to Slack's Web API, at its pace and with our errors.

It outlives the socket: answers can be written while the socket is away. Calls are never repeated here, because a post
whose answer was lost may have been made; whoever calls knows how to look.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.shared.rate_limiter import RateLimit, RateLimiter
from adapters.slack.errors import ERRORS, LOCAL, PASSING, REFUSED, WAITS, SlackRefused
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
library_log.setLevel(logging.ERROR)  # below, it warns of tokens that it need not know, and formats each call for nobody

SLACK = "https://slack.com/api/"
CALL_SECONDS = 30.0
UPLOAD = aiohttp.ClientTimeout(total=300.0)
PAGE = 200
REMEMBERED = 1_000

OPEN, OPEN_PAUSE = "apps.connections.open", 60.0

NAMES, NAMES_A_SECOND, NAMES_AT_ONCE = "names", 0.75, 15
"""The budget of looking up how people and channels are called, so that enough is left for their rights."""

PER_MINUTE: Mapping[str, int] = {
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.appendStream": 100,
    "chat.postMessage": 300,
    "chat.postEphemeral": 100,
    OPEN: 24,  # Slack says 1, but takes several at once
    "users.info": 100,
    "users.conversations": 20,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "usergroups.list": 20,
    "views.open": 100,
    "views.publish": 100,
}
"""Slack's rates by method; what is not named is of tier 3."""

TIER_3 = 50
POSTS_A_SECOND, POSTS_AT_ONCE = 0.95, 3
"""For one channel."""

EDITS_A_SECOND = 2.0
"""For one draft: more would not be seen, and would leave less for others."""

WRONG: Mapping[str, str] = {
    "invalid_auth": "Slack does not accept {token}. Copy it anew: api.slack.com/apps, {page}.",
    "not_authed": "Slack does not accept {token}. Copy it anew: api.slack.com/apps, {page}.",
    "not_allowed_token_type": "{token} is a token of the wrong kind. Copy the right one: api.slack.com/apps, {page}.",
    "account_inactive": "{token} belongs to a bot that was removed. Install the app again: api.slack.com/apps.",
    "token_revoked": "{token} was revoked. Install the app again: api.slack.com/apps, {page}.",
    "token_expired": "{token} has expired. Copy it anew: api.slack.com/apps, {page}.",
}
REMOVED = ("account_inactive", "token_revoked", "invalid_auth")
"""What Slack answers to the token of a bot that was removed."""

TOKENS: Mapping[bool, Mapping[str, str]] = {
    False: {"token": "SLACK_BOT_TOKEN", "page": "OAuth & Permissions (it begins with xoxb-)"},
    True: {"token": "SLACK_APP_TOKEN", "page": "Basic Information, App-Level Tokens (it begins with xapp-)"},
}

POST, UPDATE, DELETE = "chat.postMessage", "chat.update", "chat.delete"

FAILURES = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What slack_sdk's calls raise."""


def rate_limit_for(pace: float, name: str) -> RateLimit:
    """A method's budget, one channel's for posts or one draft's for edits; in no minute more than Slack allows."""
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
    """The names of the budgets that a call spends."""
    return (method, f"channel:{channel}") if method == POST else (method,)


class SlackApi:
    """One workspace. Every call raises PlatformError, or ConfigError when a token is wrong."""

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
        """What the bot's token may do, where Slack says so."""
        self.links_in_edits = links_in_edits
        self.enterprise = self.app = ""
        """The organisation, "" for none, and the app, once a socket said it."""
        self.deleted = OrderedDict[tuple[str, str], None]()
        """Messages that the bot removed itself of late."""
        self.app_token = app_token
        self.limiter = limiter
        self.timeouts = timeouts
        self._withheld: set[str] = set()
        self._token = bot_token
        self._url = api_url or SLACK
        self._network = network
        self._settings = written("slack", api_url=api_url)
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None

    @property
    def web(self) -> AsyncWebClient:
        """The client, with one session for all calls and nothing that repeats them."""
        if self._web is None:
            self._session = aiohttp.ClientSession(
                connector=self.connector(), timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)
            )
            self._web = AsyncWebClient(
                self._token, self._url, session=self._session, retry_handlers=[], logger=library_log
            )
        return self._web

    def connector(self, told: Callable[[Trouble], None] = lambda _: None) -> Connector:
        """A way to connect, for one session. It overrides what slack_sdk reads in the environment."""
        return Connector(self._network, self._settings, told=told)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        self._session = self._web = None

    async def sign_in(self) -> None:
        """Set `me`, `team`, `team_name`, `name`, `scopes` and `site`, the workspace's address."""
        await self._network.prepare()
        found, headers = await self._call("auth.test", {}, reads=True)
        self.me, self.team = str(found["user_id"]), str(found["team_id"])
        self.team_name, self.name = str(found.get("team", "")), str(found.get("user", ""))
        self.site = str(found.get("url", ""))
        granted = next((said for name, said in headers.items() if name.lower() == "x-oauth-scopes"), None)
        self.scopes = None if granted is None else frozenset(scope.strip() for scope in granted.split(","))
        self.enterprise = str(found.get("enterprise_id") or "")

    @property
    def is_agent(self) -> bool:
        """Whether the app has Slack's agent surface, as far as Slack says."""
        return self.scopes is None or AGENT_SCOPE in self.scopes

    def serves(self, method: str) -> bool:
        """Whether a method of the agent surface is worth a call: the app has that, and it was never refused."""
        return self.is_agent and method not in self._withheld

    def withhold(self, method: str, error: SlackRefused) -> None:
        """Call a method no more that was refused, unless that was for a reason of one person or place."""
        if isinstance(error, Gone) or error.code in LOCAL or method in self._withheld:
            return
        log.warning("Slack does not serve %s in this workspace (%s); the bot goes on without it", method, error.code)
        self._withheld.add(method)

    async def is_removed(self) -> bool:
        """Whether Slack says that the bot's installation is over. Raises PlatformError where it says nothing."""
        try:
            await self.sign_in()
        except ConfigError as error:
            log.warning("Slack: %s", error.message)
            return error_code(error) in REMOVED
        return False

    async def socket_url(self) -> str:
        """Where the next socket connects. After a refusal Slack is left alone for a minute."""
        await self.limiter.acquire((OPEN,), urgent=True)
        try:
            return str((await self._request(OPEN, {}, reads=True, app=True))["url"])
        except PlatformError as error:
            if isinstance(error.__cause__, SlackApiError):
                self.limiter.pause(OPEN, OPEN_PAUSE)
            raise

    async def write(self, method: str, body: Json, *, paced: bool = False) -> Json:
        """A call that changes something; `paced` when its slot is spent already."""
        if not paced:
            await self.limiter.acquire(rate_limits_of(method, str(body.get("channel"))), urgent=True)
        return await self._request(method, body)

    async def post(self, channel: str, body: Json, metadata: Json, thread: str = "") -> str:
        """Post a message of which no link is fetched, and its ts; its slot is spent already."""
        where: Json = {"channel": channel, "thread_ts": thread} if thread else {"channel": channel}
        silent: Json = {"unfurl_links": False, "unfurl_media": False}
        marked: Json = {"metadata": metadata} if metadata else {}
        return str((await self.write(POST, body | silent | marked | where, paced=True))["ts"])

    async def delete(self, channel: str, ts: str) -> None:
        """Remove a message; one that is not there any more is removed already."""
        self.deleted[channel, ts] = None
        while len(self.deleted) > REMEMBERED:
            self.deleted.popitem(last=False)
        try:
            await self.write(DELETE, {"channel": channel, "ts": ts})
        except Gone as error:
            log.info("Nothing to remove: %s", error)

    async def read(self, method: str, arguments: Mapping[str, object], *, paced: bool = False) -> SlackAnswer:
        """A call that reads; `paced` when its slot is spent already."""
        return read_answer(await self.read_raw(method, arguments, paced=paced))

    async def read_raw(self, method: str, arguments: Mapping[str, object], *, paced: bool = False) -> Json:
        """The same, with all that Slack answers."""
        if not paced:
            await self.limiter.acquire((method,), urgent=True)
        return await self._request(method, arguments, reads=True)

    async def pages(self, method: str, most: int, arguments: Mapping[str, object]) -> AsyncGenerator[SlackAnswer, None]:
        """Up to `most` pages of what a method lists."""
        cursor: dict[str, str] = {}
        for _ in range(most):
            page = await self.read(method, {"limit": PAGE, **arguments, **cursor})
            yield page
            following = page.get("response_metadata", {}).get("next_cursor")
            if not following:
                return
            cursor = {"cursor": following}

    async def respond(self, url: str, body: Json) -> None:
        """Answer through a response_url, in a message of which no link is fetched."""
        assert self.web.session is not None
        silent: Json = {"unfurl_links": False, "unfurl_media": False}
        try:
            async with self.web.session.post(url, json=body | silent) as response:
                said = await response.text()
        except FAILURES as error:
            raise PlatformError(why(error, "Slack")) from error
        if response.status in (401, 403, 404, 410):
            raise Gone("The time to answer privately is over.")
        if response.status == 400:
            raise Forbidden(f"{REFUSED} ({said[:100]}).")
        if response.status != 200 or '"ok":false' in said.replace(" ", ""):
            raise PlatformError(f"Slack did not take a private answer ({response.status}).")

    async def put(self, url: str, content: bytes) -> None:
        """Put a file where Slack said."""
        assert self.web.session is not None
        try:
            async with self.web.session.post(url, data=content, timeout=UPLOAD) as response:
                await response.read()
        except FAILURES as error:
            raise PlatformError(why(error, "Slack")) from error
        if response.status != 200:
            raise PlatformError(f"Slack did not take a file ({response.status}).")

    async def direct_channel(self, person: str) -> str:
        """The channel of the direct messages with a person."""
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
        """The answer and its headers."""
        headers = {"Authorization": f"Bearer {self.app_token}"} if app else None
        try:
            if reads:
                answer = await self.web.api_call(method, params=dict(body), headers=headers)
            else:
                answer = await self.web.api_call(method, json=dict(body))
        except FAILURES as error:
            trouble = await meant_secure(error, self._url, self._network, self._settings)
            raise (PlatformError(str(trouble)) if trouble else self._error(method, body, error, app=app)) from error
        return answer.data if isinstance(answer.data, dict) else {}, answer.headers

    def _error(
        self, method: str, body: Mapping[str, object], error: Exception, *, app: bool
    ) -> PlatformError | ConfigError:
        """Ours for one of slack_sdk's; obeys a Retry-After."""
        response = error.response if isinstance(error, SlackApiError) else None
        if response is None:
            return PlatformError(why(error, "Slack"))
        data, status = getattr(response, "data", None), getattr(response, "status_code", 0)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in WAITS:
            seconds = float(response.headers.get("Retry-After", self.timeouts.limit))
            for budget in rate_limits_of(method, str(body.get("channel"))):
                self.limiter.pause(budget, seconds)
            return PlatformError(f"Slack asks for {seconds:.0f} s of patience.")
        if code in WRONG:
            return ConfigError(WRONG[code].format_map(TOKENS[app]))
        if code in ERRORS:
            kind, sentence = ERRORS[code]
            return kind(f"{sentence} ({method}: {code}).", code)
        sentence = f"Slack failed ({method}: {code or status})."
        return PlatformError(sentence) if code in ("", *PASSING) else SlackRefused(sentence, code)


def error_code(error: BaseException) -> str:
    """The code that Slack answered with, where an error of ours came of that."""
    cause = error.__cause__
    return str(cause.response.get("error", "")) if isinstance(cause, SlackApiError) else ""


def listed(value: object) -> Sequence[Json]:
    """The objects in a list of an answer."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
