"""Fields that Discord always sends and that no test changes; demanded by its OpenAPI document."""

from __future__ import annotations

from typing import Final, TypeAlias

Json: TypeAlias = dict[str, object]

USER: Final[Json] = {"public_flags": 0, "flags": 0, "primary_guild": None}
SELF: Final[Json] = {"mfa_enabled": True, "locale": "en-US", "email": None, "verified": True}
MEMBER: Final[Json] = {"banner": None, "communication_disabled_until": None, "premium_since": None}
ROLE: Final[Json] = {
    "color": 0,
    "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
    "hoist": False,
    "icon": None,
    "unicode_emoji": None,
}
GUILD: Final[Json] = {
    "afk_channel_id": None,
    "afk_timeout": 300,
    "application_id": None,
    "banner": None,
    "default_message_notifications": 0,
    "description": None,
    "discovery_splash": None,
    "emojis": [],
    "explicit_content_filter": 0,
    "features": [],
    "home_header": None,
    "icon": None,
    "incidents_data": None,
    "max_members": 500_000,
    "max_presences": None,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "mfa_level": 0,
    "nsfw": False,
    "nsfw_level": 0,
    "preferred_locale": "en-US",
    "premium_progress_bar_enabled": False,
    "premium_subscription_count": 0,
    "premium_tier": 0,
    "public_updates_channel_id": None,
    "region": "deprecated",
    "rules_channel_id": None,
    "safety_alerts_channel_id": None,
    "splash": None,
    "stickers": [],
    "system_channel_flags": 0,
    "vanity_url_code": None,
    "verification_level": 0,
    "widget_channel_id": None,
    "widget_enabled": False,
}
CHANNEL: Final[Json] = {"flags": 0}
THREAD: Final[Json] = {"total_message_sent": 0, "rate_limit_per_user": 0}
APPLICATION: Final[Json] = {
    "approximate_guild_count": 1,
    "approximate_user_authorization_count": 0,
    "approximate_user_install_count": 0,
    "eligible_oauth2_scopes": [],
    "explicit_content_filter": 0,
    "flags_new": "0",
    "interactions_endpoint_url": None,
    "redirect_uris": [],
    "role_connections_verification_url": None,
    "team": None,
    "type": None,
}
