"""How connections leave this machine: through which proxy, trusting whom, and why one failed, in words for people.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY hold for every connection, and so do SSL_CERT_FILE and SSL_CERT_DIR. The
libraries that connect each read these in a way of their own, or not at all, so they are told what is decided here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from bot.interfaces.errors import ConfigError

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
VARIABLES = (*PROXIES, "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables that say how to connect. A name in lower case counts too, and goes before the same in upper case."""

SCHEMES = {"ws": "http", "wss": "https"}
PORTS = {"http": 80, "https": 443}

OPERATOR = "Whoever runs this bot must"
WAITING = "Waiting does not help; whoever runs this bot must"
PERHAPS = "Waiting a little may help; if it does not, whoever runs this bot must"

PROBE_SECONDS = 3.0
"""How long a server that hung up is tried once more."""

EXPIRED, NOT_YET_VALID, NAMES, AUTHORITIES = 10, 9, (62, 64), (2, 18, 19, 20, 21)
"""OpenSSL's numbers for certificates that are not accepted: their time, their name, and who signed them."""

NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNEXPECTED_MESSAGE",
)
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)

Addresses = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Trouble:
    """The reason of a failed connection. `happened` and `advice` are sentences; `temporary`: waiting may help."""

    happened: str
    advice: str
    temporary: bool = False

    def __str__(self) -> str:
        return f"{self.happened} {self.advice}"


@dataclass(frozen=True, slots=True)
class Direct:
    """One entry of NO_PROXY: a name with all names below it, or a range of addresses. Port 0 is every port."""

    name: str
    addresses: Addresses | None
    port: int = 0

    @classmethod
    def read(cls, entry: str) -> Direct:
        """Read one of the words of the variable."""
        name, port = entry.lower(), 0
        if _addresses(name) is None and (found := re.fullmatch(r"(.+):(\d+)", name)):
            name, port = found[1], int(found[2])
        name = name.removeprefix("[").removesuffix("]")
        return cls(name.removeprefix("*.").strip("."), _addresses(name), port)

    def holds(self, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        """Tell whether a host and port are meant."""
        if self.port not in (0, port):
            return False
        if self.addresses is not None:
            return address is not None and address in self.addresses
        return self.name == "*" or (bool(self.name) and f".{host}".endswith(f".{self.name}"))


class Network:
    """The environment's word on proxies and certificates."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        given = {name: _given(environment, name) for name in VARIABLES}
        self._proxies = {name: given[name] for name in PROXIES}
        self._listed = given["NO_PROXY"][1].replace(",", " ").split()
        self._direct = [Direct.read(word) for word in self._listed]
        self._file, self._folders = given["SSL_CERT_FILE"][1], given["SSL_CERT_DIR"][1]

    def proxy(self, url: str) -> str:
        """Name the proxy for a URL, "" for none. Raises ConfigError for one that cannot be used."""
        return self._proxy(url)[1]

    def _proxy(self, url: str) -> tuple[str, str]:
        """Find the variable that names the proxy for a URL, and the proxy's address; both "" for none."""
        parts = urlsplit(url)
        scheme = SCHEMES.get(parts.scheme, parts.scheme)
        named = (self._proxies[name] for name in (f"{scheme.upper()}_PROXY", "ALL_PROXY"))
        variable, address = next((one for one in named if one[1]), ("", ""))
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS[scheme]
        if not address or any(entry.holds(host, _address(host), port) for entry in self._direct):
            return "", ""
        return variable, _proxy_address(variable, address, host)

    @property
    def tls(self) -> ssl.SSLContext:
        """Trust in the authorities of this machine's own store and in those that the variables name.

        It takes about 0.1 s the first time; see `prepare`.
        """
        return self._trust[0]

    def must_trust(self) -> None:
        """Raise ConfigError where a variable names no certificates. What needs none goes on without asking."""
        if complaint := self._trust[1]:
            raise ConfigError(complaint)

    async def prepare(self) -> None:
        """Read the certificates without keeping the loop waiting."""
        await asyncio.to_thread(lambda: self.tls)

    @cached_property
    def _trust(self) -> tuple[ssl.SSLContext, str]:
        """Load the certificates; beside them, the sentence about a variable that names none, "" for none."""
        import httpx2  # which knows where each system keeps its authorities

        context, complaint = httpx2.create_ssl_context(trust_env=False), ""
        named = [("SSL_CERT_FILE", self._file)] if self._file else []
        named += [("SSL_CERT_DIR", folder) for folder in self._folders.split(os.pathsep) if folder]
        for variable, path in named:
            if wrong := _load(context, variable, path):
                complaint = f"{variable} names {path}, which {wrong}. Correct or unset it, and start the bot again."
        return context, complaint

    def described(self) -> str:
        """Describe the proxies and certificates in force, without anybody's password."""
        used = [f"{variable} {_shown(address)}" for variable, address in self._proxies.values() if address]
        proxies = f"through {', '.join(used)}" if used else "no proxy"
        proxies += f", but not to {', '.join(self._listed)}" if used and self._listed else ""
        own = [f"SSL_CERT_FILE {self._file}"] if self._file else []
        own += [f"SSL_CERT_DIR {self._folders}"] if self._folders else []
        return f"{proxies}; certificates of this machine's store{''.join(f' and of {one}' for one in own)}"

    def trouble(self, error: BaseException, url: str, setting: str = "") -> Trouble | None:
        """Explain why the connection to a URL was not made; None where nothing more is known.

        `setting` is where the operator wrote the URL, "" where it is the platform's own.
        """
        variable, proxy = self._proxy(url)
        host = _host(url)
        for cause in causes(error):
            if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None):  # aiohttp's own kinds have none
                at_proxy = bool(proxy) and _is_at(error, proxy)
                return _tls_trouble(cause, _shown(proxy) if at_proxy else host, variable if at_proxy else setting)
            if isinstance(cause, OSError) and (
                found := _connect_trouble(cause, host, setting, _shown(proxy), variable)
            ):
                return found
        return None

    def meant_secure(self, url: str, setting: str = "") -> Trouble | None:
        """Find out whether a server that hung up on plain HTTP speaks HTTPS, by trying; that takes its time."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "ws") or self.proxy(url) or not parts.hostname:
            return None
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE  # nothing is sent, and nothing read
        try:
            with socket.create_connection((parts.hostname, parts.port or 80), PROBE_SECONDS) as plain:
                anybody.wrap_socket(plain, server_hostname=parts.hostname).close()
        except OSError:
            return None
        must = f"write https:// in {setting or 'its address'}"
        return Trouble(f"{_host(url)} speaks HTTPS at that port, and not HTTP.", f"{WAITING} {must}.")

    def refused_by_proxy(self, status: int, url: str) -> Trouble | None:
        """Explain why a proxy did not connect to a URL, by the status of its answer; None without a proxy."""
        variable, proxy = self._proxy(url)
        if not proxy:
            return None
        shown, host = _shown(proxy), _host(url)
        if status == 407 and "@" in proxy:
            happened, must = "does not accept the name and the password", f"correct them in {variable}"
        elif status == 407:
            happened = "wants a name and a password"
            must = f"put them into {variable}, as http://NAME:PASSWORD@{shown}"
        elif status == 403:
            happened, must = f"does not let this bot reach {host}", f"have it allowed there, or add {host} to NO_PROXY"
        elif status >= 500:
            sentence = f"The proxy {shown} cannot reach {host} (it answered {status})."
            return Trouble(sentence, f"{PERHAPS} look at the proxy, or add {host} to NO_PROXY.", temporary=True)
        else:
            happened = f"does not connect to {host} (it answered {status})"
            must = f"see that {variable} names a proxy"
        return Trouble(f"The proxy {shown} {happened}.", f"{WAITING} {must}.")


@lru_cache(maxsize=8)
def _network(given: frozenset[tuple[str, str]]) -> Network:
    return Network(dict(given))


def network_of(environment: Mapping[str, str]) -> Network:
    """Make the network of an environment; whoever asks with the same one shares the certificates."""
    return _network(frozenset(part_of(environment).items()))


def part_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Take out the variables that say how to connect."""
    return {name: value for name, value in environment.items() if name.upper() in VARIABLES}


def passwords(environment: Mapping[str, str]) -> set[str]:
    """Find the passwords as they stand in the addresses of proxies, written and quoted."""
    addresses = [value for name, value in environment.items() if name.upper() in PROXIES]
    written = [_split(address).password or "" for address in addresses]
    return {f":{form}@" for word in written if word for form in (word, unquote(word), quote(unquote(word), safe=""))}


def _given(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Look up a variable: as it is spelled, and its value."""
    spelled = name.lower() if name.lower() in environment else name
    return spelled, environment.get(spelled, "").strip()


def _split(proxy: str) -> SplitResult:
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_address(variable: str, written: str, host: str) -> str:
    """Check the address of a proxy and quote its name and password. Raises ConfigError."""
    parts = _split(written)
    if parts.scheme.startswith("socks"):
        raise ConfigError(
            f"{variable} names a SOCKS proxy, which this bot cannot use: name an HTTP proxy there, or add {host} to "
            "NO_PROXY to go without."
        )
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    if (
        parts.scheme not in PORTS
        or not parts.hostname
        or (parts.netloc.rpartition("@")[2].count(":") == 1 and not port)
    ):
        raise ConfigError(f"{variable} does not hold the address of a proxy: write it as http://HOST:PORT.")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user = quote(unquote(parts.username or ""), safe="")
    password = f":{quote(unquote(parts.password), safe='')}" if parts.password else ""
    return f"{parts.scheme}://{user}{password}{'@' if user or password else ''}{name}{port}"


def _load(context: ssl.SSLContext, variable: str, path: str) -> str:
    """Trust the certificates at a path; say what is wrong with it, "" for nothing."""
    try:
        if variable == "SSL_CERT_FILE":
            context.load_verify_locations(cafile=path)
            return ""
        hashed = any(re.fullmatch(r"[0-9a-f]{8}\.\d+", entry.name) for entry in Path(path).iterdir())
        context.load_verify_locations(capath=path)
    except ssl.SSLError:
        return "holds no certificate in PEM form"
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if hashed else "holds no certificate under its hash (`openssl rehash` names them so)"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _tls_trouble(error: ssl.SSLError, host: str, setting: str) -> Trouble:
    """Explain why no secure connection to a host was made."""
    certificate = f"The certificate of {host}"
    address = setting or "its address"
    if not isinstance(error, ssl.SSLCertVerificationError):
        if error.reason in NOT_TLS:
            must = f"write http:// in {address} or name the port that speaks HTTPS"
            return Trouble(f"{host} does not speak HTTPS at that port.", f"{WAITING} {must}.")
        happened = f"No secure connection to {host} can be made ({error.reason or 'it hung up'})."
        return Trouble(happened, f"{WAITING} look at the TLS settings there.")
    if error.verify_code == EXPIRED:
        happened, must = f"{certificate} has expired", "have it renewed there, or set this machine's clock right"
    elif error.verify_code == NOT_YET_VALID:
        happened, must = f"{certificate} is not valid yet", "set this machine's clock right"
    elif error.verify_code in NAMES:
        happened = f"{certificate} is made out to another name"
        must = f"write that name in {setting}" if setting else "find out whose server answers in its place"
    elif error.verify_code in AUTHORITIES:
        happened = f"{certificate} is signed by an authority that this machine does not know"
        must = "name a file with that authority's certificate in SSL_CERT_FILE"
    else:
        happened, must = f"{certificate} is not accepted ({error.verify_message})", "have it replaced there"
    return Trouble(f"{happened}.", f"{WAITING} {must}.")


def endpoint(url: str) -> str:
    """Name the host and port that a URL connects with."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[SCHEMES.get(parts.scheme, parts.scheme)]}"


def _connect_trouble(error: OSError, host: str, setting: str, proxy: str, variable: str) -> Trouble | None:
    """Explain why no connection was made at all; where there is a proxy, it was to be made with that."""
    called = f"The proxy {proxy}" if proxy else host
    address = variable if proxy else setting
    look = f"look at {address} and at this machine's network" if address else "look at this machine's network"
    if isinstance(error, socket.gaierror):
        return Trouble(f"{called} cannot be reached: there is no address for its name.", f"{OPERATOR} {look}.")
    if error.errno == errno.ECONNREFUSED:
        see = f"see that it runs and that {address} is right" if address else look
        return Trouble(f"{called} cannot be reached: it refuses connections.", f"{OPERATOR} {see}.")
    if error.errno in NO_WAY:
        happened = f"{called} cannot be reached: no network leads there."
        return Trouble(happened, f"{PERHAPS} {look}.", temporary=True)
    if isinstance(error, TimeoutError):
        through = "" if proxy else ", or name a proxy in HTTPS_PROXY if one is needed"
        return Trouble(
            f"{called} cannot be reached: it does not answer.", f"{PERHAPS} {look}{through}.", temporary=True
        )
    return None


def _shown(proxy: str) -> str:
    """Show a proxy's host and port, without anybody's name and password."""
    return proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_at(error: BaseException, proxy: str) -> bool:
    """Tell whether a secure connection to the proxy itself failed, where the library says with whom it was."""
    parts = urlsplit(proxy)
    return parts.scheme == "https" and (getattr(error, "host", ""), getattr(error, "port", 0)) == (
        parts.hostname,
        parts.port or PORTS["https"],
    )


def _addresses(text: str) -> Addresses | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


DIRECT = Network({})
"""No proxy, and the certificates of this machine's store."""
