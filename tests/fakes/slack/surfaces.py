"""The Web API beside messages: views and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.fakes.slack.blocks import view_faults
from tests.fakes.slack.rules import Refused
from tests.fakes.slack.world import TRIGGER_SECONDS, Channel, Json, Message, Upload, View, World, as_list, shown_view


@dataclass(slots=True)
class Surfaces:
    """The handler of these calls, which reads and changes the world; `writable` finds the channel of a call."""

    world: World
    violate: Callable[[str], None]
    writable: Callable[[Json], Channel]
    base_url: str = ""

    @property
    def methods(self) -> Mapping[str, Callable[[Json], Json]]:
        return {
            "views.open": self._open,
            "views.publish": self._publish,
            "files.getUploadURLExternal": self._place,
            "files.completeUploadExternal": self._share,
        }

    def _open(self, body: Json) -> Json:
        """Open a view; a trigger opens only one, within 3 seconds."""
        act = self.world.acts.get(str(body["trigger_id"]))
        if act is None:
            raise self._fault("invalid_trigger_id", "views.open with an unknown trigger")
        if act.exchanged:
            raise self._fault("exchanged_trigger_id", "views.open with a trigger that was used")
        if self.world.clock.now() > act.made + TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        self._check(body["view"], "modal")
        act.exchanged = True
        view = View(self.world.clock.id("V"), act.user, body["view"])  # type: ignore[arg-type]  # just checked
        self.world.modals[act.user] = view
        return {"view": view.json()}

    def _publish(self, body: Json) -> Json:
        user = str(body["user_id"])
        if user not in self.world.users:
            raise Refused("user_not_found")
        self._check(body["view"], "home")
        self.world.homes[user] = body["view"]  # type: ignore[assignment]  # just checked
        return {"view": shown_view(self.world.clock.id("V"), self.world.homes[user])}

    def _place(self, body: Json) -> Json:
        length = int(str(body["length"]))
        if len(str(body.get("alt_txt") or "")) > 1_000:
            raise self._fault("invalid_arguments", "a description above 1,000 characters")
        upload = Upload(self.world.clock.id("F"), str(body["filename"]), length, str(body.get("alt_txt") or ""))
        self.world.uploads[upload.id] = upload
        return {"upload_url": f"{self.base_url}/upload/{upload.id}", "file_id": upload.id}

    def put(self, key: str, content: bytes) -> bool:
        """Store the bytes of an upload."""
        upload = self.world.uploads.get(key)
        if upload is None or len(content) != upload.length:
            self.violate(f"an upload of {len(content)} bytes that was not announced so")
            return False
        upload.content = content
        return True

    def _share(self, body: Json) -> Json:
        found = [self.world.uploads.get(str(file.get("id"))) for file in as_list(body["files"])]
        uploads = [upload for upload in found if upload is not None and upload.content is not None]
        if not found or len(uploads) < len(found):
            raise self._fault("file_not_found", "files.completeUploadExternal of what was not uploaded")
        if any(upload.shared for upload in uploads):
            raise self._fault("file_already_shared", "a file that is shared twice")
        files: list[Json] = [
            {"id": upload.id, "name": upload.name, "size": upload.length, "alt_txt": upload.summary}
            for upload in uploads
        ]
        if not body.get("channel_id"):
            return {"files": files}
        channel, thread = self.writable({"channel": body["channel_id"]}), str(body.get("thread_ts") or "")
        if thread and (channel.id, thread) not in self.world.messages:
            raise self._fault("thread_not_found", "files in a thread that does not exist")
        message = Message(self.world.clock.ts(), channel.id, self.world.bot.id, "", thread, bot=True)
        message.files, message.subtype = files, "file_share"
        self.world.add_message(message)
        for upload in uploads:
            upload.shared = True
        return {"files": files}

    def _check(self, view: object, kind: str) -> None:
        for fault in view_faults(view, kind):
            raise self._fault("invalid_arguments", fault)

    def _fault(self, error: str, fault: str) -> Refused:
        self.violate(fault)
        return Refused(error)
