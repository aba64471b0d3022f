"""People's rights on the platforms: the exports of administrators, and rights that are removed."""

from __future__ import annotations

from bot.interfaces.messages import Subject
from tests.scenarios.test_scenarios import needs
from tests.stages.base import Said, TeamStage


async def tell(stage: TeamStage, where: Said | None, text: str, who: str = "ann") -> Said:
    said = await stage.mention(text, who, said=where)
    assert text in (await stage.answer(said)).text
    return said


@needs("people")
async def test_administrators_take_along_only_what_they_may_read(stage: TeamStage) -> None:
    hidden, own = await stage.hideouts("ann", "ben"), await stage.hideouts("ann", "root")
    await tell(stage, None, "Open")
    for place in hidden:
        await tell(stage, place, "Secret")
    for number, place in enumerate(own):
        await tell(stage, place, f"Ours {number}")
    shown = await stage.answer(await stage.command("export everything", {}, "root"))
    assert f"nor the messages of {len(hidden)} channels that you may not read." in shown.text
    ((_, content),) = shown.files
    assert b"Secret" not in content
    assert all(f"Ours {number}".encode() in content for number in range(len(own)))
    assert b"Open" in content


@needs("people")
async def test_an_administrators_export_omits_unreadable_channels(stage: TeamStage) -> None:
    hidden, *_ = await stage.hideouts("ann", "ben")
    await tell(stage, hidden, "Secret")
    channel = {"channel": str(Subject("channel", hidden.channel, "hidden"))}
    shown = await stage.answer(await stage.command("export channel", channel, "root"))
    assert "0 questions and answers" in shown.text
    assert "nor the messages of 1 channel that you may not read." in shown.text
    assert b"Secret" not in shown.files[0][1]
