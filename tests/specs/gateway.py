"""Schemas of the gateway's events: the document describes the objects in them, Discord's documentation the rest."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.specs.openapi import Json, as_object

ID: Final[Json] = {"$ref": "#/components/schemas/SnowflakeType"}
TEXT: Final[Json] = {"type": "string"}
NUMBER: Final[Json] = {"type": "integer"}
FLAG: Final[Json] = {"type": "boolean"}
TIME: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
ANYTHING: Final[Json] = {"type": "object"}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def many(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def by_id(schema: Json) -> Json:
    return {"type": "object", "additionalProperties": schema}


def fields(*needed: str, **properties: Json) -> Json:
    """Return the schema of an object with these properties, of which some are `needed`."""
    return {"type": "object", "properties": properties, "required": list(needed)}


@dataclass(frozen=True, slots=True)
class Extended:
    """Return a schema of the document with more properties, and with fewer required ones."""

    of: str
    more: Mapping[str, Json]
    without: tuple[str, ...] = ()

    def schema(self, components: Json) -> Json:
        made = copy.deepcopy(as_object(components[self.of]))
        properties = as_object(made["properties"])
        properties.update(copy.deepcopy(dict(self.more)))
        needed = made.get("required")
        made["required"] = [name for name in needed if name not in self.without] if isinstance(needed, list) else []
        for name in self.without:
            properties.pop(name, None)
        return made


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of dispatch. `schemas` are those of the document that judge the objects in it.

    `page` is the heading of Discord's documentation for the rest.
    """

    schema: Json | Extended
    schemas: tuple[str, ...] = ()
    page: str = ""


MEMBER_FIELDS: Final = ("user",)
PARTS: Mapping[str, Extended] = {
    "GatewayMember": Extended("GuildMemberResponse", {}, MEMBER_FIELDS),
    "GatewayMention": Extended("UserResponse", {"member": ref("GatewayMember")}),
    "GatewayMessage": Extended(
        "MessageResponse",
        {
            "guild_id": ID,
            "member": ref("GatewayMember"),
            "mentions": many(ref("GatewayMention")),
            "channel_type": NUMBER,
        },
    ),
    "ActingMember": Extended("GuildMemberResponse", {"permissions": TEXT}),
    "GatewayChannel": Extended("GuildChannelResponse", {}),
    "GatewayThread": Extended("ThreadResponse", {"newly_created": FLAG}),
}
"""Objects that the gateway sends with more, or fewer, fields than the document's schemas have."""

_MESSAGE = ("MessageResponse", "UserResponse", "GuildMemberResponse")
_DELETED = fields("id", "channel_id", id=ID, channel_id=ID, guild_id=ID)
_ANY_CHANNEL: Json = {
    "oneOf": [ref("GuildChannelResponse"), ref("PrivateChannelResponse"), ref("ThreadResponse")],
}
_PARTIAL_CHANNEL = fields(
    "id",
    "name",
    "type",
    id=ID,
    name={"type": ["string", "null"]},
    type=NUMBER,
    permissions=TEXT,
    parent_id=ID,
    thread_metadata=ref("ThreadMetadataResponse"),
)
_ROLE = fields("guild_id", "role", guild_id=ID, role=ref("GuildRoleResponse"))
_OPTION: Json = fields("name", "type", name=TEXT, type=NUMBER, value={}, focused=FLAG, options=many(ANYTHING))
_INTERACTION_DATA = fields(
    id=ID,
    name=TEXT,
    type=NUMBER,
    guild_id=ID,
    target_id=ID,
    options=many(_OPTION),
    custom_id=TEXT,
    component_type=NUMBER,
    values=many(TEXT),
    components=many(ANYTHING),
    resolved=fields(
        users=by_id(ref("UserResponse")),
        members=by_id(ref("BasicGuildMemberResponse")),
        roles=by_id(ref("GuildRoleResponse")),
        channels=by_id(_PARTIAL_CHANNEL),
        messages=by_id(ref("MessageResponse")),
        attachments=by_id(ref("AttachmentResponse")),
    ),
)

EVENTS: Mapping[str, Event] = {
    "READY": Event(
        fields(
            "v",
            "user",
            "guilds",
            "session_id",
            "resume_gateway_url",
            "application",
            v=NUMBER,
            user=ref("UserPIIResponse"),
            guilds=many(fields("id", "unavailable", id=ID, unavailable=FLAG)),
            session_id=TEXT,
            resume_gateway_url={"type": "string", "format": "uri"},
            shard=many(NUMBER),
            application=fields("id", "flags", id=ID, flags=NUMBER),
        ),
        ("UserPIIResponse",),
        "Ready",
    ),
    "RESUMED": Event(fields(), (), "Resumed"),
    "GUILD_CREATE": Event(
        Extended(
            "GuildResponse",
            {
                "joined_at": TIME,
                "large": FLAG,
                "unavailable": FLAG,
                "member_count": NUMBER,
                "voice_states": many(ANYTHING),
                "members": many(ref("GuildMemberResponse")),
                "channels": many(ref("GatewayChannel")),
                "threads": many(ref("GatewayThread")),
                "presences": many(ANYTHING),
                "stage_instances": many(ANYTHING),
                "guild_scheduled_events": many(ANYTHING),
                "soundboard_sounds": many(ANYTHING),
            },
        ),
        ("GuildResponse", "GuildMemberResponse", "GuildChannelResponse", "ThreadResponse"),
        "Guild Create",
    ),
    "GUILD_UPDATE": Event(ref("GuildResponse"), ("GuildResponse",), "Guild Update"),
    "GUILD_DELETE": Event(fields("id", id=ID, unavailable=FLAG), (), "Guild Delete"),
    "GUILD_ROLE_CREATE": Event(_ROLE, ("GuildRoleResponse",), "Guild Role Create"),
    "GUILD_ROLE_UPDATE": Event(_ROLE, ("GuildRoleResponse",), "Guild Role Update"),
    "GUILD_ROLE_DELETE": Event(fields("guild_id", "role_id", guild_id=ID, role_id=ID), (), "Guild Role Delete"),
    "GUILD_MEMBER_ADD": Event(
        Extended("GuildMemberResponse", {"guild_id": ID}), ("GuildMemberResponse",), "Guild Member Add"
    ),
    "GUILD_MEMBER_UPDATE": Event(
        Extended("GuildMemberResponse", {"guild_id": ID}), ("GuildMemberResponse",), "Guild Member Update"
    ),
    "GUILD_MEMBER_REMOVE": Event(
        fields("guild_id", "user", guild_id=ID, user=ref("UserResponse")), ("UserResponse",), "Guild Member Remove"
    ),
    "CHANNEL_CREATE": Event(_ANY_CHANNEL, ("GuildChannelResponse", "PrivateChannelResponse"), "Channel Create"),
    "CHANNEL_UPDATE": Event(_ANY_CHANNEL, ("GuildChannelResponse",), "Channel Update"),
    "CHANNEL_DELETE": Event(_ANY_CHANNEL, ("GuildChannelResponse",), "Channel Delete"),
    "THREAD_CREATE": Event(ref("GatewayThread"), ("ThreadResponse",), "Thread Create"),
    "THREAD_UPDATE": Event(ref("GatewayThread"), ("ThreadResponse",), "Thread Update"),
    "THREAD_DELETE": Event(
        fields("id", "guild_id", "parent_id", "type", id=ID, guild_id=ID, parent_id=ID, type=NUMBER),
        (),
        "Thread Delete",
    ),
    "MESSAGE_CREATE": Event(ref("GatewayMessage"), _MESSAGE, "Message Create"),
    "MESSAGE_UPDATE": Event(ref("GatewayMessage"), _MESSAGE, "Message Update"),
    "MESSAGE_DELETE": Event(_DELETED, (), "Message Delete"),
    "MESSAGE_DELETE_BULK": Event(
        fields("ids", "channel_id", ids=many(ID), channel_id=ID, guild_id=ID), (), "Message Delete Bulk"
    ),
    "INTERACTION_CREATE": Event(
        fields(
            "id",
            "application_id",
            "type",
            "token",
            "version",
            "entitlements",
            "authorizing_integration_owners",
            "attachment_size_limit",
            "app_permissions",
            id=ID,
            application_id=ID,
            type={"type": "integer", "enum": [1, 2, 3, 4, 5]},
            token=TEXT,
            version={"const": 1},
            data=_INTERACTION_DATA,
            guild_id=ID,
            guild=ANYTHING,
            channel_id=ID,
            channel=_ANY_CHANNEL,
            member=ref("ActingMember"),
            user=ref("UserResponse"),
            message=ref("MessageResponse"),
            locale=TEXT,
            guild_locale=TEXT,
            app_permissions={"type": "string", "pattern": "^[0-9]+$"},
            entitlements=many(ANYTHING),
            authorizing_integration_owners=by_id(ID),
            context={"type": "integer", "enum": [0, 1, 2]},
            attachment_size_limit=NUMBER,
        ),
        (*_MESSAGE, "GuildChannelResponse", "PrivateChannelResponse", "ThreadResponse", "ThreadMetadataResponse",
         "GuildRoleResponse", "BasicGuildMemberResponse", "AttachmentResponse"),
        "Interaction Create",
    ),
}  # fmt: skip


def described(components: Json) -> Mapping[str, Json]:
    """Return the schemas of parts and events, by name, to add to the document's own."""
    made = {name: part.schema(components) for name, part in PARTS.items()}
    for name, event in EVENTS.items():
        made[name] = event.schema.schema(components) if isinstance(event.schema, Extended) else event.schema
    return made
