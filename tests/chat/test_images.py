"""Images of questions: models that read images receive them, and notes name the attachments that nobody could read."""

from __future__ import annotations

import pytest

from bot.chat.images import LARGEST_IMAGE, MOST_IMAGES
from bot.interfaces.errors import Unavailable
from bot.interfaces.messages import Attachment, Message, Place
from bot.interfaces.prompts import Media
from tests.core.world import ANN, BEN, CHANNEL, DIRECT, THREAD, World, play
from tests.fakes.media import PNG

CAT = Attachment("cat.png", "image/png", len(PNG))
PLAN = Attachment("plan.pdf", "application/pdf", 3)
PICTURE = Media("image/png", PNG)


@pytest.fixture
def sighted(world: World) -> World:
    """Return a world whose first model reads images, with an image on its platform."""
    sections = world.app.services.catalogue.sections
    sections["main"] = sections["main"].model_copy(update={"sees": True})
    world.adapter.files = {"cat.png": PNG, "notes.png": b"not a picture", "plan.pdf": b"%PDF"}
    return world


def asked(world: World) -> tuple[str, tuple[Media, ...]]:
    """Return the model's last utterance, with its images."""
    said = world.main.prompts[-1][-1]
    return said.text, said.images


@pytest.mark.parametrize("place", [DIRECT, CHANNEL])
async def test_a_model_that_sees_gets_the_picture(sighted: World, place: Place) -> None:
    draft = await sighted.say("What is this?", place, attachments=(CAT,))
    text, images = asked(sighted)
    assert images == (PICTURE,)
    assert "not readable" not in text
    assert draft.answers[-1].notes == ()


async def test_later_questions_only_name_the_image(sighted: World) -> None:
    await sighted.say("What is this?", attachments=(CAT,))
    await sighted.say("And its name?")
    question, _, again = sighted.main.prompts[-1][1:]
    assert question.text == "What is this?\n(Attached pictures: cat.png)"
    assert question.images == again.images == ()


async def test_a_picture_alone_is_a_question(sighted: World) -> None:
    await sighted.say("", attachments=(CAT,))
    assert asked(sighted) == ("(Attached pictures: cat.png)", (PICTURE,))


async def test_a_model_that_does_not_see_says_so(world: World) -> None:
    draft = await world.say("What is this?", attachments=(CAT, PLAN))
    assert draft.answers[-1].notes == ("main cannot read attachments, so the answer is without “cat.png”, “plan.pdf”.",)
    assert asked(world) == ("What is this?\n(Attached, but not readable for you: cat.png, plan.pdf)", ())


@pytest.mark.parametrize(
    ("attachment", "says"),
    [
        (PLAN, "I cannot read “plan.pdf”. I can only read images."),
        (Attachment("notes.png", "image/png"), "I cannot read “notes.png”. Use a PNG, JPEG, GIF or WebP image."),
        (Attachment("lost.png", "image/png"), "I cannot read “lost.png”. The file is gone."),
        (Attachment("huge.png", "image/png"), "I cannot read “huge.png”. It is too big."),
    ],
)
async def test_unreadable_attachments_are_named_in_notes(sighted: World, attachment: Attachment, says: str) -> None:
    sighted.adapter.files["huge.png"] = PNG + bytes(LARGEST_IMAGE)
    draft = await sighted.say("What is this?", attachments=(attachment, CAT))
    assert draft.answers[-1].notes == (says,)
    text, images = asked(sighted)
    assert images == (PICTURE,)
    assert f"not readable for you: {attachment.name}" in text


async def test_so_many_and_no_more(sighted: World) -> None:
    files = tuple(Attachment(f"{number}.png", "image/png") for number in range(MOST_IMAGES + 1))
    sighted.adapter.files |= {file.name: PNG for file in files}
    draft = await sighted.say("Which is best?", attachments=files)
    assert len(asked(sighted)[1]) == MOST_IMAGES
    assert draft.answers[-1].notes == (
        f"I cannot read “{MOST_IMAGES}.png”. I can read at most {MOST_IMAGES} images of a question.",
    )


async def test_a_fallback_that_does_not_see_says_so(sighted: World) -> None:
    play(sighted.main, Unavailable("It is down."))
    draft = await sighted.say("What is this?", attachments=(CAT,))
    assert sighted.spare.prompts[-1][-1].images == ()
    assert "spare cannot read attachments, so the answer is without “cat.png”." in draft.answers[-1].notes


async def test_a_retry_says_that_it_looks_no_more(sighted: World) -> None:
    await sighted.say("What is this?", attachments=(CAT,))
    again = await sighted.command("retry")
    assert "I do not store images" in again.answers[-1].notes[0]
    await sighted.say("And this?", attachments=(PLAN,))
    assert (await sighted.command("retry")).answers[-1].notes == ()


async def test_what_was_said_around_comes_with_the_picture(sighted: World) -> None:
    sighted.adapter.context_messages = [Message("x1", "Ben", "Look at my cat.")]
    await sighted.say("what is it?", THREAD, ANN, attachments=(CAT,))
    text, images = asked(sighted)
    assert "Ben: Look at my cat." in text
    assert images == (PICTURE,)
    await sighted.say("thanks", THREAD, BEN, addressed=False)
    assert asked(sighted)[1] == ()
