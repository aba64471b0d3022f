"""The proxies and the certificates of every connection, and the reasons of a failed one in words for people.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR apply to every connection. Each library
reads these variables in its own way, or not at all, so this module decides and the libraries get the result.
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
"""The environment variables that this module reads. A name in lower case takes precedence over upper case."""

SCHEMES = {"ws": "http", "wss": "https"}
PORTS = {"http": 80, "https": 443}

OPERATOR = "The operator of this bot must"
WAITING = "Waiting does not help; the operator of this bot must"
PERHAPS = "Waiting a little may help; if it does not, the operator of this bot must"

PROBE_SECONDS = 3.0
"""The time limit of the second connection to a server that hung up on plain HTTP."""

EXPIRED, NOT_YET_VALID, NAMES, AUTHORITIES = 10, 9, (62, 64), (2, 18, 19, 20, 21)
"""OpenSSL's error numbers (X509_V_ERR_…) for a certificate's dates, host name or address, and authority."""

NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNEXPECTED_MESSAGE",
)
"""OpenSSL's reasons for an answer that is not TLS, such as plain HTTP."""
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)

Addresses = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Trouble:
    """The reason of a failed connection.

    `happened` is a sentence with the fact, `advice` one with the next step. `temporary` is True if waiting may help.
    """

    happened: str
    advice: str
    temporary: bool = False

    def __str__(self) -> str:
        return f"{self.happened} {self.advice}"


@dataclass(frozen=True, slots=True)
class NoProxyEntry:
    """One entry of NO_PROXY: a domain with its subdomains, or a range of addresses. Port 0 means every port."""

    name: str
    addresses: Addresses | None
    port: int = 0

    @classmethod
    def read(cls, entry: str) -> NoProxyEntry:
        """Return the entry that one word of the variable stands for."""
        name, port = entry.lower(), 0
        if _addresses(name) is None and (found := re.fullmatch(r"(.+):(\d+)", name)):
            name, port = found[1], int(found[2])
        name = name.removeprefix("[").removesuffix("]")
        return cls(name.removeprefix("*.").strip("."), _addresses(name), port)

    def matches(self, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        """Return True if a host and port need no proxy; `address` is the host as an address, None for a name."""
        if self.port not in (0, port):
            return False
        if self.addresses is not None:
            return address is not None and address in self.addresses
        return self.name == "*" or (bool(self.name) and f".{host}".endswith(f".{self.name}"))


class Network:
    """The proxies and certificates that an environment names."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        variables = {name: _variable(environment, name) for name in VARIABLES}
        self._proxies = {name: variables[name] for name in PROXIES}
        self._no_proxy = variables["NO_PROXY"][1].replace(",", " ").split()
        self._direct = [NoProxyEntry.read(word) for word in self._no_proxy]
        self._file, self._folders = variables["SSL_CERT_FILE"][1], variables["SSL_CERT_DIR"][1]

    def proxy(self, url: str) -> str:
        """Return the address of the proxy for a URL, "" for none. Raises ConfigError for one that cannot be used."""
        return self._proxy(url)[1]

    def _proxy(self, url: str) -> tuple[str, str]:
        """Return the variable that names the proxy for a URL, and the proxy's address; both "" for none."""
        parts = urlsplit(url)
        scheme = SCHEMES.get(parts.scheme, parts.scheme)
        candidates = (self._proxies[name] for name in (f"{scheme.upper()}_PROXY", "ALL_PROXY"))
        variable, address = next((candidate for candidate in candidates if candidate[1]), ("", ""))
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS[scheme]
        if not address or any(entry.matches(host, _address(host), port) for entry in self._direct):
            return "", ""
        return variable, _proxy_address(variable, address, host)

    @property
    def tls(self) -> ssl.SSLContext:
        """A context that trusts the authorities of this machine's store and those that the variables name.

        The first access takes about 0.1 s; see `prepare`.
        """
        return self._certificates[0]

    def must_trust(self) -> None:
        """Raise ConfigError if a variable names certificates that cannot be loaded.

        Only secure connections call it: plain HTTP works without certificates.
        """
        if mistake := self._certificates[1]:
            raise ConfigError(mistake)

    async def prepare(self) -> None:
        """Load the certificates in a thread, so that the loop does not block."""
        await asyncio.to_thread(lambda: self.tls)

    @cached_property
    def _certificates(self) -> tuple[ssl.SSLContext, str]:
        """The context, and the sentence about a variable whose certificates cannot be loaded, "" for none."""
        import httpx2  # it knows the folder of each system's authorities

        context, mistake = httpx2.create_ssl_context(trust_env=False), ""
        sources = [("SSL_CERT_FILE", self._file)] if self._file else []
        sources += [("SSL_CERT_DIR", folder) for folder in self._folders.split(os.pathsep) if folder]
        for variable, path in sources:
            if problem := _load(context, variable, path):
                mistake = f"{variable} names {path}, which {problem}. Correct or unset it, and start the bot again."
        return context, mistake

    def description(self) -> str:
        """Return one line with the proxies and certificates in force, without passwords."""
        used = [f"{variable} {_without_password(address)}" for variable, address in self._proxies.values() if address]
        proxies = f"through {', '.join(used)}" if used else "no proxy"
        proxies += f", but not to {', '.join(self._no_proxy)}" if used and self._no_proxy else ""
        added = [f"SSL_CERT_FILE {self._file}"] if self._file else []
        added += [f"SSL_CERT_DIR {self._folders}"] if self._folders else []
        return f"{proxies}; certificates of this machine's store{''.join(f' and of {source}' for source in added)}"

    def trouble(self, error: BaseException, url: str, setting: str = "") -> Trouble | None:
        """Return the reason why the connection to a URL failed, None for an error that is not known here.

        `setting` is the key of config.toml that holds the URL, "" for the platform's own address.
        """
        variable, proxy = self._proxy(url)
        host = _host(url)
        for cause in causes(error):
            if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None):  # aiohttp's own classes have none
                at_proxy = bool(proxy) and _is_at(error, proxy)
                server = _without_password(proxy) if at_proxy else host
                return _tls_trouble(cause, server, variable if at_proxy else setting)
            if isinstance(cause, OSError) and (
                found := _connect_trouble(cause, host, setting, _without_password(proxy), variable)
            ):
                return found
        return None

    def meant_secure(self, url: str, setting: str = "") -> Trouble | None:
        """Return the trouble of a plain URL whose server speaks HTTPS, None if it does not.

        It connects again, and blocks for up to twice PROBE_SECONDS.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "ws") or self.proxy(url) or not parts.hostname:
            return None
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE  # safe: this connection sends and reads nothing
        try:
            with socket.create_connection((parts.hostname, parts.port or 80), PROBE_SECONDS) as plain:
                unverified.wrap_socket(plain, server_hostname=parts.hostname).close()
        except OSError:
            return None
        must = f"write https:// in {setting or 'its address'}"
        return Trouble(f"{_host(url)} speaks HTTPS at that port, and not HTTP.", f"{WAITING} {must}.")

    def refused_by_proxy(self, status: int, url: str) -> Trouble | None:
        """Return the reason why a proxy did not connect to a URL, from its HTTP status; None without a proxy."""
        variable, proxy = self._proxy(url)
        if not proxy:
            return None
        address, host = _without_password(proxy), _host(url)
        if status == 407 and "@" in proxy:
            happened, must = "does not accept the name and the password", f"correct them in {variable}"
        elif status == 407:
            happened = "requires a name and a password"
            must = f"write them into {variable}, as http://NAME:PASSWORD@{address}"
        elif status == 403:
            happened = f"does not let this bot reach {host}"
            must = f"allow that host in the proxy, or add {host} to NO_PROXY"
        elif status >= 500:
            sentence = f"The proxy {address} cannot reach {host} (it answered {status})."
            return Trouble(sentence, f"{PERHAPS} check the proxy, or add {host} to NO_PROXY.", temporary=True)
        else:
            happened = f"does not connect to {host} (it answered {status})"
            must = f"check that {variable} names a proxy"
        return Trouble(f"The proxy {address} {happened}.", f"{WAITING} {must}.")


@lru_cache(maxsize=8)
def _network(variables: frozenset[tuple[str, str]]) -> Network:
    return Network(dict(variables))


def network_of(environment: Mapping[str, str]) -> Network:
    """Return the network of an environment. Equal environments share one, so that certificates are loaded once."""
    return _network(frozenset(part_of(environment).items()))


def part_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return only the variables of an environment that VARIABLES names."""
    return {name: value for name, value in environment.items() if name.upper() in VARIABLES}


def passwords(environment: Mapping[str, str]) -> set[str]:
    """Return the passwords of proxies as ":PASSWORD@", each as written, unquoted and quoted."""
    addresses = [value for name, value in environment.items() if name.upper() in PROXIES]
    words = [_split(address).password or "" for address in addresses]
    return {f":{form}@" for word in words if word for form in (word, unquote(word), quote(unquote(word), safe=""))}


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return a variable's name in the case that the environment has, and its value, "" for none."""
    spelled = name.lower() if name.lower() in environment else name
    return spelled, environment.get(spelled, "").strip()


def _split(proxy: str) -> SplitResult:
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_address(variable: str, proxy: str, host: str) -> str:
    """Return the address of a proxy with its name and password quoted. Raises ConfigError for one that is not valid."""
    parts = _split(proxy)
    if parts.scheme.startswith("socks"):
        raise ConfigError(
            f"{variable} names a SOCKS proxy, which this bot cannot use. Name an HTTP proxy there, or add {host} to "
            "NO_PROXY to connect without a proxy."
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
        raise ConfigError(f"{variable} is not the address of a proxy. Write it as http://HOST:PORT.")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user = quote(unquote(parts.username or ""), safe="")
    password = f":{quote(unquote(parts.password), safe='')}" if parts.password else ""
    return f"{parts.scheme}://{user}{password}{'@' if user or password else ''}{name}{port}"


def _load(context: ssl.SSLContext, variable: str, path: str) -> str:
    """Load the certificates at a path into a context; return the problem as the end of a sentence, "" for none."""
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
    return "" if hashed else "holds no certificate under its hash (run `openssl rehash` there)"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _tls_trouble(error: ssl.SSLError, host: str, setting: str) -> Trouble:
    """Return the reason why a TLS handshake with a host failed; `setting` holds the host's address."""
    certificate = f"The certificate of {host}"
    address = setting or "its address"
    if not isinstance(error, ssl.SSLCertVerificationError):
        if error.reason in NOT_TLS:
            must = f"write http:// in {address}, or name the port that speaks HTTPS"
            return Trouble(f"{host} does not speak HTTPS at that port.", f"{WAITING} {must}.")
        happened = f"A secure connection to {host} failed ({error.reason or 'the server hung up'})."
        return Trouble(happened, f"{WAITING} check the TLS settings there.")
    if error.verify_code == EXPIRED:
        happened, must = f"{certificate} has expired", "have it renewed there, or correct this machine's clock"
    elif error.verify_code == NOT_YET_VALID:
        happened, must = f"{certificate} is not valid yet", "correct this machine's clock"
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
    """Return the HOST:PORT that a URL connects to."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[SCHEMES.get(parts.scheme, parts.scheme)]}"


def _connect_trouble(error: OSError, host: str, setting: str, proxy: str, variable: str) -> Trouble | None:
    """Return the reason why a TCP connection failed: one to `proxy`, or without a proxy one to `host`."""
    server = f"The proxy {proxy}" if proxy else host
    address = variable if proxy else setting
    check = f"check {address} and this machine's network" if address else "check this machine's network"
    if isinstance(error, socket.gaierror):
        return Trouble(f"{server} cannot be reached: there is no address for its name.", f"{OPERATOR} {check}.")
    if error.errno == errno.ECONNREFUSED:
        must = f"check that it runs and that {address} is right" if address else check
        return Trouble(f"{server} cannot be reached: it refuses connections.", f"{OPERATOR} {must}.")
    if error.errno in NO_ROUTE:
        happened = f"{server} cannot be reached: this machine's network has no route to it."
        return Trouble(happened, f"{PERHAPS} {check}.", temporary=True)
    if isinstance(error, TimeoutError):
        through = "" if proxy else ", or name a proxy in HTTPS_PROXY if one is needed"
        return Trouble(
            f"{server} cannot be reached: it does not answer.", f"{PERHAPS} {check}{through}.", temporary=True
        )
    return None


def _without_password(proxy: str) -> str:
    """Return a proxy's HOST:PORT, without its name and password."""
    return proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_at(error: BaseException, proxy: str) -> bool:
    """Return True if the TLS handshake with the proxy itself failed, as far as the library names the server."""
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
"""The network without a proxy, with the certificates of this machine's store only."""
