"""The installation of the app that an envelope is for: each workspace has its own bot."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.slack.payloads import Envelope, Installation
from adapters.slack.web_api import SlackApi

APP_EVENTS = ("app_uninstalled", "tokens_revoked")
"""Events of the app itself, with the workspace of the change."""


def is_ours(body: Envelope, rest: SlackApi) -> bool:
    """Return whether an envelope is for this bot; one without a workspace is.

    In a channel shared between workspaces, an event has the author's workspace, and its authorizations list the
    installations that may see it.
    """
    app = body.get("api_app_id")
    if rest.app and app and app != rest.app:
        return False
    event = body.get("event")
    if event is not None:
        if event.get("type") in APP_EVENTS:
            return body.get("team_id") == rest.team
        if seen_by := body.get("authorizations"):
            return any(_installed(one, rest) for one in seen_by)
        return rest.team in (workspaces := _values(body, "team_id", "context_team_id")) or not workspaces
    if body.get("command"):
        return _installed(body, rest) or not _values(body, "team_id")
    if body.get("message", {}).get("user") == rest.me:
        return True
    workspaces = {*_values(body.get("team", {}), "id"), *_values(body.get("view", {}), "app_installed_team_id")}
    return rest.team in workspaces or not workspaces


def _installed(installation: Installation, rest: SlackApi) -> bool:
    """Return whether an installation is this one: in the workspace, or in the whole organisation."""
    is_enterprise = str(installation.get("is_enterprise_install")).lower() == "true"
    return installation.get("team_id") == rest.team or (
        is_enterprise and bool(rest.enterprise) and installation.get("enterprise_id") == rest.enterprise
    )


def _values(installation: Mapping[str, object], *keys: str) -> set[str]:
    return {str(installation[key]) for key in keys if installation.get(key)}
