"""For which installation of the app an envelope is: it may be in several workspaces, with a bot in each."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.slack.payloads import Envelope, Installation
from adapters.slack.web_api import SlackApi

INSTALLATION = ("app_uninstalled", "tokens_revoked")
"""Events about the app itself, which name the workspace that did something."""


def is_ours(body: Envelope, rest: SlackApi) -> bool:
    """Whether an envelope is for this bot. One that does not say for whom it is, is.

    In a channel that workspaces share, an event has the workspace of who wrote; its authorizations say who may see it.
    """
    app = body.get("api_app_id")
    if rest.app and app and app != rest.app:
        return False
    event = body.get("event")
    if event is not None:
        if event.get("type") in INSTALLATION:
            return body.get("team_id") == rest.team
        if seen_by := body.get("authorizations"):
            return any(_installed(one, rest) for one in seen_by)
        return rest.team in (named := _named(body, "team_id", "context_team_id")) or not named
    if body.get("command"):
        return _installed(body, rest) or not _named(body, "team_id")
    if body.get("message", {}).get("user") == rest.me:
        return True
    named = {*_named(body.get("team", {}), "id"), *_named(body.get("view", {}), "app_installed_team_id")}
    return rest.team in named or not named


def _installed(where: Installation, rest: SlackApi) -> bool:
    """Whether that is our installation: in our workspace, or in all of the organisation."""
    whole = str(where.get("is_enterprise_install")).lower() == "true"
    return where.get("team_id") == rest.team or (
        whole and bool(rest.enterprise) and where.get("enterprise_id") == rest.enterprise
    )


def _named(where: Mapping[str, object], *keys: str) -> set[str]:
    return {str(where[key]) for key in keys if where.get(key)}
