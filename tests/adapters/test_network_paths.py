"""Every connection of the bot, through real TLS servers and a real proxy."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.settings import DiscordSettings
from adapters.shared.attachments import fetch
from adapters.slack.adapter import SlackAdapter
from adapters.slack.incoming.attachments import source
from adapters.slack.settings import SlackSettings
from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.hub.admission import HubSection
from bot.hub.client import Hub
from bot.interfaces.config import Section
from bot.interfaces.errors import PlatformError, ShouldersError
from bot.interfaces.messages import Attachment
from bot.interfaces.network import Network
from tests.adapters.discord.town import town as discord_town
from tests.adapters.slack.town import town as slack_town
from tests.fakes.certificates import Authority
from tests.fakes.discord import FakeDiscord
from tests.fakes.hub import FakeHub, Repository
from tests.fakes.proxy import FakeProxy
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.server import RESPONSE_URL, UPLOAD
from tests.stages import stages
from tests.stages.base import Stage, TeamStage
from tests.stages.slack import SlackStage

UNRESOLVABLE = "bot.example"
"""A host name that only the proxy resolves; the test fails if the bot resolves it."""


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(authority.write(tmp_path / "authority.pem"))}


@pytest.fixture
async def proxy() -> AsyncGenerator[FakeProxy]:
    async with FakeProxy() as proxy:
        yield proxy


def set_all(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Variables that libraries read from the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


async def use_everything(stage: TeamStage) -> None:
    """Download an image, send an answer and a hidden one, and upload a file."""
    seen = await stage.answer(await stage.mention("What is it?", files=["cat.png"]))
    assert "(with 1 pictures)" in seen.text
    hidden = await stage.answer(await stage.command("privacy"))
    assert hidden.text
    exported = await stage.answer(await stage.command("export me"))
    assert exported.files
    if isinstance(stage, SlackStage):
        assert {RESPONSE_URL, UPLOAD} <= {method for method, _ in stage.slack.calls}


@pytest.fixture(params=["discord", "slack"])
def platform(request: pytest.FixtureRequest) -> type[Stage]:
    return stages()[request.param]


async def test_everything_goes_through_the_proxy(
    platform: type[Stage],
    authority: Authority,
    trusted: dict[str, str],
    proxy: FakeProxy,
    tmp_path: Path,
) -> None:
    stage = platform(tmp_path, authority.server(), UNRESOLVABLE)
    stage.environment = {**trusted, "HTTPS_PROXY": proxy.url}
    assert isinstance(stage, TeamStage)
    async with stage.playing():
        await use_everything(stage)
    assert {asked.partition(":")[0] for asked in proxy.asked} == {UNRESOLVABLE}


async def test_nothing_goes_through_it_where_listed(
    platform: type[Stage],
    authority: Authority,
    trusted: dict[str, str],
    proxy: FakeProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = platform(tmp_path, authority.server())
    stage.environment = {**trusted, "HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.0/8"}
    set_all(monkeypatch, stage.environment)
    assert isinstance(stage, TeamStage)
    async with stage.playing():
        await use_everything(stage)
    assert proxy.asked == []


async def test_plain_http_goes_through_its_own_proxy(platform: type[Stage], proxy: FakeProxy, tmp_path: Path) -> None:
    stage = platform(tmp_path, host=UNRESOLVABLE)
    stage.environment = {"HTTP_PROXY": proxy.url.replace("//", "//me:secret@")}
    proxy.login = "me:secret"
    assert isinstance(stage, TeamStage)
    async with stage.playing():
        await use_everything(stage)
    assert UNRESOLVABLE in proxy.asked[0]


async def test_the_hub_is_reached_through_the_proxy(
    authority: Authority, trusted: dict[str, str], proxy: FakeProxy, tmp_path: Path
) -> None:
    async with FakeHub(tls=authority.server(), host=UNRESOLVABLE) as server:
        server.add(Repository("maker/small", {"config.json": b"{}", "model.safetensors": bytes(1000)}))
        hub = hub_at(server.endpoint, tmp_path, {**trusted, "https_proxy": proxy.url})
        chosen = await hub.look("maker/small")
        async for _ in hub.pull(chosen):
            pass
        assert await hub.ready(chosen.model, chosen.revision)
        assert len(set(proxy.asked)) == 2  # the Hub and where its files lie
        direct = {**trusted, "https_proxy": "http://127.0.0.1:1", "no_proxy": "localhost"}
        again = hub_at(server.endpoint.replace(UNRESOLVABLE, "localhost"), tmp_path, direct)
        assert await again.search("small")
    assert server.violations == []


# Failures, each in a sentence that says what to change ----------------------------------------------------------------


def hub_at(endpoint: str, folder: Path, environment: Mapping[str, str]) -> Hub:
    section = HubSection.model_validate({"allow": ["maker/*"], "endpoint": endpoint})
    return Hub(section, folder / "hub", {**os.environ, **environment})


async def ask_model(url: str, environment: Mapping[str, str], folder: Path) -> None:
    table = OpenAIModelSettings.model_validate(
        {"backend": "openai", "model": "m", "base_url": f"{url}/v1", "key_env": ""}
    )
    backend = BACKEND.create({"m": table}, environment, folder, Section())["m"]
    try:
        await backend.check()
    finally:
        await backend.aclose()


async def ask_discord(url: str, environment: Mapping[str, str], folder: Path) -> None:
    adapter = DiscordAdapter(DiscordSettings(api_url=f"{url}/api/v10"), "token", network=Network(environment))
    try:
        await adapter.check()
    finally:
        await adapter.aclose()


async def ask_slack(url: str, environment: Mapping[str, str], folder: Path) -> None:
    adapter = SlackAdapter(SlackSettings(api_url=f"{url}/api/"), "xoxb", "xapp", network=Network(environment))
    try:
        await adapter.check()
    finally:
        await adapter.aclose()


async def ask_hub(url: str, environment: Mapping[str, str], folder: Path) -> None:
    await hub_at(url, folder, environment).search("small")


ASKING: Mapping[str, tuple[Callable[[str, Mapping[str, str], Path], Awaitable[None]], str]] = {
    "model": (ask_model, "base_url"),
    "discord": (ask_discord, "api_url in the table [discord]"),
    "slack": (ask_slack, "api_url in the table [slack]"),
    "hub": (ask_hub, "endpoint in the table [hub]"),
}


@dataclass(frozen=True)
class Case:
    """A server, the request to it, and the expected message.

    HOST and SETTING in it stand for the address and setting.
    """

    message: str
    names: tuple[str, ...] = ()
    expired: bool = False
    trusted: bool = True
    tls: bool = True
    scheme: str = "https"
    host: str = "127.0.0.1"
    proxy: int | None = None
    login: str = ""


CASES: Mapping[str, Case] = {
    "unknown authority": Case("authority that this machine does not know. * SSL_CERT_FILE", trusted=False),
    "other name": Case("made out to another name. * write that name in SETTING", names=("else.example",)),
    "expired": Case("has expired. * have it renewed", expired=True),
    "https to http": Case("does not speak HTTPS at that port. * write http:// in SETTING", tls=False),
    "http to https": Case("speaks HTTPS at that port, and not HTTP. * write https:// in SETTING", scheme="http"),
    "nobody listens": Case("HOST cannot be reached: it refuses connections. * SETTING", host="127.0.0.1:1"),
    "no such name": Case("HOST cannot be reached: there is no address for its name. * SETTING", host="nowhere.invalid"),
    "no proxy there": Case("The proxy 127.0.0.1:1 cannot be reached: it refuses connections. * HTTPS_PROXY", proxy=0),
    "proxy forbids": Case("does not let this bot reach HOST. * NO_PROXY", proxy=403),
    "proxy wants a name": Case("requires a name and a password. * HTTPS_PROXY", proxy=407),
    "proxy knows another": Case("does not accept the name and the password. * HTTPS_PROXY", proxy=407, login="me:pw@"),
    "proxy fails": Case("cannot reach HOST (it answered 502).", proxy=502),
    "no proxy at all": Case("does not connect to HOST (it answered 404). * HTTPS_PROXY names a proxy", proxy=404),
}


@pytest.fixture
async def failing(
    request: pytest.FixtureRequest, authority: Authority, trusted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[str, dict[str, str], str]]:
    """Return the address that fails, the environment, and the expected message."""
    case: Case = request.param
    resolve = socket.getaddrinfo

    def unknown(host: str, *args: int, **kwargs: int) -> object:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    tls = authority.server(*case.names, expired=case.expired) if case.tls else None
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    async with FakeProxy(refuses=case.proxy or 0) as proxy:
        host = case.host if ":" in case.host else f"{case.host}:{runner.addresses[0][1]}"
        environment = trusted if case.trusted else {}
        if case.proxy is not None:
            address = f"{case.login}{proxy.address}" if case.proxy else "127.0.0.1:1"
            environment = {**environment, "HTTPS_PROXY": f"http://{address}"}
        yield f"{case.scheme}://{host}", environment, case.message.replace("HOST", host)
    await runner.cleanup()


@pytest.mark.parametrize("failing", CASES.values(), ids=CASES, indirect=True)
@pytest.mark.parametrize("path", ASKING)
async def test_what_fails_is_named_with_its_remedy(
    path: str, failing: tuple[str, dict[str, str], str], tmp_path: Path
) -> None:
    url, environment, message = failing
    if path == "hub" and "invalid" in url:
        pytest.skip("its process has no resolver of the test's")
    ask, setting = ASKING[path]
    with pytest.raises(ShouldersError) as caught:
        await ask(url, environment, tmp_path)
    message = caught.value.message
    for part in message.replace("SETTING", setting).split(" * "):
        assert part in message
    assert "pw" not in message
    assert message.count(".") < 12
    assert message.endswith(".")


@pytest.mark.parametrize("path", ASKING)
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE names /nowhere.pem, which does not exist."),
        ({"ALL_PROXY": "socks5://127.0.0.1:1"}, "ALL_PROXY names a SOCKS proxy"),
    ],
)
async def test_a_wrong_variable_is_named(path: str, environment: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ShouldersError) as caught:
        await ASKING[path][0]("https://127.0.0.1:1", environment, tmp_path)
    assert message in caught.value.message


async def test_plain_http_needs_no_certificates(tmp_path: Path) -> None:
    stage = stages()["discord"](tmp_path)
    stage.environment = {"SSL_CERT_FILE": "/nowhere.pem"}
    async with stage.playing():
        assert "Hello" in (await stage.answer(await stage.mention("Hello"))).text


async def test_the_gateways_certificate_is_named(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeDiscord(authority.server()) as secure, discord_town() as team:
        settings = team.settings.model_copy(update={"gateway_url": secure.gateway_url})
        team.adapter = DiscordAdapter(settings, team.discord.token)
        with pytest.raises(PlatformError, match=r"authority that this machine does not know.*SSL_CERT_FILE"):
            await team.start()
    assert "Traceback" not in caplog.text


async def test_the_sockets_certificate_is_named(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeSlack(authority.server()) as secure, slack_town() as team:
        team.slack.base_url = secure.base_url
        with pytest.raises(PlatformError, match=r"authority that this machine does not know.*SSL_CERT_FILE"):
            await team.start()
    assert "Traceback" not in caplog.text


async def test_files_and_private_answers_name_it_too(authority: Authority) -> None:
    async with FakeSlack(authority.server()) as secure, slack_town() as team:
        rest = team.adapter._rest
        for call in (
            rest.respond(f"{secure.base_url}/response/1", {}),
            rest.put(f"{secure.base_url}/upload/1", b"abc"),
            fetch(Attachment("cat.png", url=f"{secure.base_url}/files-pri/1/cat.png"), 1_000, source(secure.api_url)),
        ):
            with pytest.raises(PlatformError, match=r"authority that this machine does not know.*SSL_CERT_FILE"):
                await call
