"""The HTTP client for the Hub: it uses the network's proxies and certificates, and explains failed connections."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
from huggingface_hub.utils._http import hf_request_event_hook

from bot.interfaces.network import Network, Trouble, endpoint


class HubUnreachableError(Exception):
    """The connection failed for good; the message names the cause and the next step."""


class Transport(httpx2.BaseTransport):
    """A transport that sends each request through the right proxy, or through none.

    `settings` maps an endpoint to the name of the setting that holds its address.
    """

    def __init__(self, network: Network, settings: Mapping[str, str]) -> None:
        self._network = network
        self._settings = settings
        self._transports: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Raises HubUnreachableError, ConfigError, or httpx2's errors for failures that may pass."""
        url = str(request.url)
        proxy = self._network.proxy(url)
        if "https" in (request.url.scheme, proxy.partition(":")[0]):
            self._network.must_trust()
        try:
            response = self._transport(proxy).handle_request(request)
        except httpx2.TransportError as error:
            trouble = trouble_of(error, url, self._network, self._settings)
            if trouble is None or trouble.temporary:
                raise
            raise HubUnreachableError(str(trouble)) from None
        if response.status_code == 407 and (trouble := self._network.refused_by_proxy(407, url)):
            response.close()
            raise HubUnreachableError(str(trouble))
        return response

    def close(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            transport.close()

    def _transport(self, proxy: str) -> httpx2.HTTPTransport:
        if proxy not in self._transports:
            tls = self._network.tls
            through = httpx2.Proxy(proxy, ssl_context=tls if proxy.startswith("https") else None) if proxy else None
            # trust_env off: the choice of the proxy has been made above
            self._transports[proxy] = httpx2.HTTPTransport(verify=tls, trust_env=False, proxy=through)
        return self._transports[proxy]


def trouble_of(error: httpx2.TransportError, url: str, network: Network, settings: Mapping[str, str]) -> Trouble | None:
    """Return an explanation of a failed connection to a URL; None if nothing more is known than the error."""
    if isinstance(error, httpx2.ProxyError) and str(error)[:3].isdecimal():
        return network.refused_by_proxy(int(str(error)[:3]), url)
    return network.trouble(error, url, settings.get(endpoint(url), ""))


def client(network: Network, settings: Mapping[str, str]) -> httpx2.Client:
    """Return the client that huggingface_hub uses."""
    return httpx2.Client(
        transport=Transport(network, settings),
        event_hooks={"request": [hf_request_event_hook]},
        follow_redirects=True,
        timeout=None,
    )
