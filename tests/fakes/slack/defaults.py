"""Fields that Slack always sends and that no test changes; Slack's own types require them."""

from __future__ import annotations

from typing import Final, TypeAlias

Json: TypeAlias = dict[str, object]

APP, BOT, MADE = "A000000001", "B000000001", 1_700_000_000

PROFILE: Final[Json] = {
    "title": "",
    "phone": "",
    "skype": "",
    "status_text": "",
    "status_text_canonical": "",
    "status_emoji": "",
    "status_emoji_display_info": [],
    "status_expiration": 0,
    "avatar_hash": "g0",
    "first_name": "",
    "last_name": "",
    **{f"image_{size}": "" for size in (24, 32, 48, 72, 192, 512)},
}
USER: Final[Json] = {
    "color": "9f69e7",
    "tz": "Europe/Berlin",
    "tz_label": "Central European Time",
    "tz_offset": 3600,
    "updated": MADE,
    "is_email_confirmed": True,
    "is_app_user": False,
    "locale": "en-GB",
    "who_can_share_contact_card": "EVERYONE",
}
GROUP: Final[Json] = {
    "is_usergroup": True,
    "is_subteam": True,
    "is_external": False,
    "description": "",
    "date_create": MADE,
    "auto_provision": False,
    "created_by": "U0ADMIN",
}
FILE: Final[Json] = {
    "created": MADE,
    "pretty_type": "Plain Text",
    "editable": False,
    "mode": "hosted",
    "is_external": False,
    "external_type": "",
    "is_public": True,
    "public_url_shared": False,
    "display_as_bot": False,
    "username": "",
    "channels": [],
    "groups": [],
}
VIEW: Final[Json] = {
    "callback_id": "",
    "app_id": APP,
    "bot_id": BOT,
    "close": None,
    "submit": None,
    "hash": f"{MADE}.abc",
    "private_metadata": "",
    "root_view_id": None,
    "previous_view_id": None,
    "clear_on_close": False,
    "notify_on_close": False,
}
