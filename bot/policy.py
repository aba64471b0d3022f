"""Who may do what, and how much."""

from __future__ import annotations

from bot.errors import Denied
from bot.types import Person, Place


def must_be_allowed_to_steer(person: Person, place: Place, asked_by: str, asked_in: Place) -> None:
    """Stop and Retry belong to the asker and to administrators, where it was asked. Raises Denied."""
    same_channel = (place.platform, place.workspace, place.channel) == (
        asked_in.platform,
        asked_in.workspace,
        asked_in.channel,
    )
    if not same_channel or (person.id != asked_by and not person.administrator):
        raise Denied("Only the person who asked, or an administrator, can do that.")
