"""Slack's error codes for the methods that the bot calls, with the bot's sentence for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.interfaces.errors import Forbidden, Gone, PlatformError


class SlackRefused(PlatformError):
    """Slack's answer with an error `code`; a plain SlackRefused has a code that is not in the tables."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class SlackForbidden(SlackRefused, Forbidden):
    """An error that a later call returns again."""


class SlackGone(SlackRefused, Gone):
    """An error of a missing channel, message or person."""


REFUSED = "Slack refuses this message"

_GONE = {
    "The channel, thread or message no longer exists": """
        channel_not_found invalid_channel is_archived is_inactive message_not_found thread_not_found team_not_found
        user_not_found user_disabled user_not_visible duplicate_channel_not_found duplicate_message_not_found
        used_url expired_url no_such_url
    """,
    "Slack opens a form only within 3 seconds. Ask again": """
        expired_trigger_id exchanged_trigger_id trigger_expired trigger_exchanged invalid_trigger_id
    """,
}
_FORBIDDEN = {
    "I may not do this there": """
        not_in_channel user_not_in_channel no_permission not_enabled not_authorized not_allowed access_denied
        restricted_action restricted_action_read_only_channel restricted_action_thread_locked
        restricted_action_thread_only_channel restricted_action_non_threadable_channel cannot_dm_bot
        cannot_reply_to_message cant_update_message cant_delete_message edit_window_closed message_not_owned_by_app
        channel_type_not_supported method_not_supported_for_channel_type channel_is_limited_access accesslimited
        ekm_access_denied team_access_not_granted enterprise_is_restricted feature_not_enabled not_implemented
        posting_to_channel_denied posting_to_general_channel_denied invalid_user_combination two_factor_setup_required
        missing_recipient_user_id missing_recipient_team_id as_user_not_supported
        slack_connect_canvas_sharing_blocked slack_connect_lists_sharing_blocked
        slack_connect_file_link_sharing_blocked
    """,
    "The app lacks a permission. Give it the manifest of `shoulders manifest slack` and install it again": """
        missing_scope
    """,
    "Messages to the app are off. Turn on its Messages Tab, under App Home": """
        messages_tab_disabled
    """,
    "This workspace does not accept such files": """
        file_upload_size_restricted file_uploads_disabled file_uploads_except_images_disabled blocked_file_type
        file_type_not_allowed snippet_too_large storage_limit_reached file_share_limit_reached
        max_file_sharing_exceeded slack_connect_blocked_file_type slack_connect_file_upload_sharing_blocked
        slack_connect_clip_sharing_blocked
    """,
    REFUSED: """
        msg_too_long no_text invalid_blocks invalid_blocks_format invalid_arguments msg_blocks_too_long
        msg_blocks_too_many markdown_text_conflict block_mismatch invalid_attachments too_many_attachments
        attachment_payload_limit_exceeded too_many_contact_cards missing_file_data invalid_chunks alt_txt_too_large
        invalid_metadata_format invalid_metadata_schema metadata_too_large metadata_must_be_sent_from_app
        cant_broadcast_message no_dual_broadcast_content_update view_too_large hash_conflict duplicate_external_id
        missing_argument invalid_limit unknown_method deprecated_endpoint method_deprecated invalid_arg_name
        invalid_array_arg invalid_charset invalid_form_data invalid_post_type missing_post_type
    """,
}


def _by_code(kind: type[SlackRefused], by_sentence: Mapping[str, str]) -> Mapping[str, tuple[type[SlackRefused], str]]:
    return {code: (kind, sentence) for sentence, codes in by_sentence.items() for code in codes.split()}


ERRORS: Mapping[str, tuple[type[SlackRefused], str]] = {
    **_by_code(SlackGone, _GONE),
    **_by_code(SlackForbidden, _FORBIDDEN),
}
"""Errors that waiting does not change. The core retries a call after any other error."""

RATE_LIMITED: Sequence[str] = ("ratelimited", "rate_limited", "message_limit_exceeded")

TEMPORARY: Sequence[str] = (
    "fatal_error",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "org_login_required",
    "external_channel_migrating",
    "update_failed",
    "messaging_processing_failed",
    "file_update_failed",
)
"""Slack's own failures, after which the call may have been done."""

LOCAL: Sequence[str] = (
    "user_not_found",
    "team_not_found",
    "missing_recipient_user_id",
    "missing_recipient_team_id",
    "not_in_channel",
    "user_not_in_channel",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
)
"""Errors that concern one person or place, and not the workspace."""
