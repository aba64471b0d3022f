"""Proxies and certificates named by the environment, and reports of mistakes in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Network
from bot.utils.secrets import secrets_in
from tests.fakes.certificates import Authority

PROXY = "http://proxy.example:3128"
URL = "https://api.example/v1"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, URL, ""),
        ({"HTTPS_PROXY": PROXY}, URL, PROXY),
        ({"https_proxy": PROXY}, URL, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.example"}, URL, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, URL, ""),
        ({"HTTPS_PROXY": PROXY}, "wss://gateway.example/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://api.example/", ""),
        ({"HTTP_PROXY": PROXY}, "ws://gateway.example/", PROXY),
        ({"HTTP_PROXY": PROXY}, URL, ""),
        ({"ALL_PROXY": PROXY}, URL, PROXY),
        ({"ALL_PROXY": "socks5://one.example", "HTTPS_PROXY": PROXY}, URL, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, URL, PROXY),
        ({"HTTPS_PROXY": "me:p@ss:w%20rd@proxy.example"}, URL, "http://me:p%40ss%3Aw%20rd@proxy.example"),
        ({"HTTPS_PROXY": "https://[::1]:3128/"}, URL, "https://[::1]:3128"),
    ],
)
def test_the_environment_names_the_proxy(environment: Mapping[str, str], url: str, proxy: str) -> None:
    assert Network(environment).proxy(url) == proxy


@pytest.mark.parametrize(
    ("listed", "url", "direct"),
    [
        ("*", URL, True),
        ("api.example", URL, True),
        ("API.Example", URL, True),
        ("api.example", "https://api.example./v1", True),
        ("example", URL, True),
        (".example", URL, True),
        ("*.example", URL, True),
        ("pi.example", URL, False),
        ("api.example:443", URL, True),
        ("api.example:8443", URL, False),
        ("one.example, api.example", URL, True),
        ("one.example api.example", URL, True),
        (",", URL, False),
        ("localhost", "http://127.0.0.1:1234", False),
        ("127.0.0.1", "http://127.0.0.1:1234", True),
        ("127.0.0.1:1234", "http://127.0.0.1:1234", True),
        ("127.0.0.1:1", "http://127.0.0.1:1234", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8:8080", "http://10.1.2.3", False),
        ("fd00::/8", "http://[fd12::1]:8000", True),
        ("::1", "http://[::1]:8000", True),
        ("[::1]:8000", "http://[::1]:8000", True),
    ],
)
def test_no_proxy_lists_direct_hosts(listed: str, url: str, direct: bool) -> None:
    network = Network({"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": listed})
    assert (network.proxy(url) == "") is direct


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("socks5://me:secret@127.0.0.1:1080", "SOCKS"),
        ("socks5h://127.0.0.1", "api.example to NO_PROXY"),
        ("ftp://proxy.example", "http://HOST:PORT"),
        ("http://", "http://HOST:PORT"),
        ("http://proxy.example:port", "http://HOST:PORT"),
    ],
)
def test_an_unusable_proxy_is_reported(address: str, word: str) -> None:
    with pytest.raises(ConfigError, match="all_proxy") as caught:
        Network({"all_proxy": address}).proxy(URL)
    assert word in caught.value.message
    assert "secret" not in caught.value.message


def test_no_password_of_a_proxy_is_shown() -> None:
    environment = {"HTTPS_PROXY": "http://me:short@proxy.example:3128"}
    assert "short" not in Network(environment).description()
    assert ":short@" in secrets_in(environment)


@pytest.mark.parametrize(
    ("variable", "content", "word"),
    [
        ("SSL_CERT_FILE", None, "does not exist"),
        ("SSL_CERT_FILE", "", "no certificate"),
        ("SSL_CERT_FILE", "no certificate at all", "no certificate"),
        ("SSL_CERT_FILE", "folder", "cannot be read"),
        ("SSL_CERT_DIR", None, "does not exist"),
        ("SSL_CERT_DIR", "folder", "openssl rehash"),
    ],
)
def test_unreadable_certificates_are_reported(tmp_path: Path, variable: str, content: str | None, word: str) -> None:
    path = tmp_path / "named"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    network = Network({variable: str(path)})
    assert network.tls  # connections that need no certificate still work
    with pytest.raises(ConfigError, match=f"^{variable} names {path}, which .*{word}"):
        network.must_trust()


def test_named_certificates_join_the_own_store(tmp_path: Path) -> None:
    before = len(Network({}).tls.get_ca_certs())
    network = Network({"SSL_CERT_FILE": str(Authority().write(tmp_path / "ca.pem"))})
    network.must_trust()
    assert len(network.tls.get_ca_certs()) == before + 1


def test_a_folder_of_certificates_is_read(tmp_path: Path) -> None:
    Authority().write(tmp_path / "0a1b2c3d.0")
    Network({"SSL_CERT_DIR": f"{tmp_path}{os.pathsep}"}).must_trust()
