"""Forms and menus on Discord, through the real discord.py."""

from __future__ import annotations

import pytest

from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Choice, Field, Form, Item, Menu
from tests.adapters.discord.town import Town
from tests.fakes.discord import Interaction

MODELS = (Item("large", "Large", "The good one"), Item("small", "Small"))
FORM = Form(
    "Settings of this channel",
    "config set",
    (
        Field("value", "System prompt", "text", "Be kind.", hint="What the model reads first"),
        Field("model", "Model", "choice", "small", MODELS),
        Field("allowed", "Allowed models", "several", "large,small", MODELS, required=False),
        Field("name", "Name", required=False),
    ),
    {"key": "prompt", "scope": "channel"},
)
EDIT = Choice("Edit", "config set", {"key": "prompt"})
PICK = Menu("Model", "config set", "value", MODELS, {"key": "model"})


async def opened(team: Town, interaction: Interaction) -> Interaction:
    await team.discord.wait(lambda: interaction.modal)
    return interaction


async def sent(team: Town, form: Interaction, **values: str) -> tuple[Interaction, Request]:
    interaction = team.discord.submit(form, values)
    request = await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    return interaction, request


async def test_only_a_sent_form_is_a_request(team: Town) -> None:
    team.intake.form = FORM
    form = await opened(team, team.discord.slash(team.channel, team.ada, "config set", {"key": "prompt"}))
    assert team.intake.requests == []
    await team.restart()
    interaction, request = await sent(team, form, value="Be brief.", allowed="large")
    assert request.command == "config set"
    assert request.arguments == {
        "key": "prompt",
        "scope": "channel",
        "value": "Be brief.",
        "model": "small",
        "allowed": "large",
        "name": "",
    }
    assert (request.person.id, request.place.channel, request.act.id) == (team.ada, team.channel, interaction.id)
    assert interaction.ephemeral
    await team.answer(request, "Changed.")
    assert [message.content for message in team.discord.only_seen_by(team.ada)] == ["Changed."]
    assert team.shown() == []


async def test_a_form_that_fails_is_answered(team: Town) -> None:
    team.intake.form = PlatformError("Discord answers 503.")
    team.discord.slash(team.channel, team.ada, "config set", {"key": "prompt"})
    await team.discord.wait(lambda: team.discord.only_seen_by(team.ada))
    assert [message.content for message in team.discord.only_seen_by(team.ada)] == ["Discord answers 503."]


async def test_a_sent_form_has_the_senders_current_rights(team: Town) -> None:
    team.intake.form = FORM
    staff = team.discord.add_role(team.guild, "Staff", manages=True)
    team.discord.add_member(team.guild, team.ada, staff)
    form = await opened(team, team.discord.slash(team.channel, team.ada, "config set", {"key": "prompt"}))
    team.discord.add_member(team.guild, team.ada)
    _, request = await sent(team, form)
    assert not request.person.administrator


async def test_without_a_form_the_command_is_offered(team: Town) -> None:
    interaction, request = await team.used("config set", key="model", value="large")
    assert (request.command, interaction.callback) == ("config set", 5)


async def test_a_refused_form_is_explained_privately(team: Town) -> None:
    team.intake.form = UserError("Only administrators change settings.")
    interaction = team.discord.slash(team.channel, team.ada, "config set", {"key": "prompt"})
    await team.discord.wait(lambda: interaction.callback)
    explanations = [message.content for message in team.discord.only_seen_by(team.ada)]
    assert (explanations, team.shown()) == (["Only administrators change settings."], [])
    assert team.intake.requests == []


async def test_a_form_never_shortens_a_value(team: Town) -> None:
    team.intake.form = Form("Settings", "config set", (Field("value", "System prompt", "text", "p" * 4001),))
    interaction = team.discord.slash(team.channel, team.ada, "config set", {"key": "prompt"})
    await team.discord.wait(lambda: interaction.callback)
    (explanation,) = team.discord.only_seen_by(team.ada)
    assert "System prompt" in explanation.content


async def test_long_hidden_arguments_become_fields(team: Town) -> None:
    name = "日本語の海賊さんの名前です"
    arguments = {"name": name, "scope": "me"}
    team.intake.form = Form("Persona", "config set", (Field("value", "Prompt", "text"),), arguments)
    form = await opened(team, team.discord.slash(team.channel, team.ada, "config set", {"key": "x"}))
    _, request = await sent(team, form, value="You are.")
    assert request.arguments == {"name": name, "scope": "me", "value": "You are."}


async def test_a_field_limits_its_length(team: Town) -> None:
    team.intake.form = FORM
    form = await opened(team, team.discord.slash(team.channel, team.ada, "config set", {"key": "x"}))
    with pytest.raises(AssertionError, match="value takes no more"):
        team.discord.submit(form, {"value": "x" * 4_001})
    await sent(team, form, value="x" * 4_000)


async def test_a_form_with_too_much_text_is_explained(team: Town) -> None:
    fields = tuple(Field(f"value{number}", "Prompt") for number in range(5))
    team.intake.form = Form("Persona", "config set", fields, {"name": "n" * 100})
    interaction = team.discord.slash(team.channel, team.ada, "config set", {"key": "x"})
    await team.discord.wait(lambda: interaction.callback)
    (explanation,) = team.discord.only_seen_by(team.ada)
    assert "`/config set …`" in explanation.content


async def test_a_button_opens_a_form_too(team: Town) -> None:
    _, request = await team.asked("/config set")
    await team.answer(request, "Settings", EDIT)
    team.intake.form = FORM
    message = team.discord.messages(team.channel)[-1].id
    form = await opened(team, team.discord.press(message, "Edit", team.ada))
    interaction, request = await sent(team, form)
    assert request.command == "config set"
    assert interaction.callback == 5
    await team.answer(request, "Changed.")
    assert [message.content for message in team.discord.only_seen_by(team.ada)] == ["Changed."]


async def test_a_picked_entry_is_the_commands_argument(team: Town) -> None:
    _, request = await team.asked()
    await team.draft(request).finish(Answer("Which model?", choices=(EDIT, PICK)))
    message = team.discord.messages(team.channel)[-1]
    assert (list(message.buttons), list(message.menus)) == (["Edit"], ["Model"])
    await team.restart()
    interaction = team.discord.pick(message.id, "Model", "large", team.ada)
    request = await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    assert (request.command, request.arguments) == ("config set", {"key": "model", "value": "large"})
    assert (request.private, interaction.callback) == (True, 6)
    await team.answer(request, "Changed.")
    assert [message.content for message in team.discord.only_seen_by(team.ada)] == ["Changed."]


async def test_picking_may_open_a_form(team: Town) -> None:
    _, request = await team.asked()
    await team.draft(request).finish(Answer("Which model?", choices=(PICK,)))
    team.intake.form = FORM
    message = team.discord.messages(team.channel)[-1]
    form = await opened(team, team.discord.pick(message.id, "Model", "large", team.ada))
    _, request = await sent(team, form)
    assert (request.command, request.arguments["value"]) == ("config set", "Be kind.")


async def test_private_menus_are_answered_privately(team: Town) -> None:
    interaction, request = await team.used("ask", text="which?", private=True)
    await team.draft(request).finish(Answer("Which?", choices=(Menu("Model", "retry", "model", MODELS),)))
    team.discord.pick(interaction.original, "Model", "small", team.ada)
    request = await team.intake.next()
    assert (request.command, request.arguments, request.private) == ("retry", {"model": "small"}, True)


async def test_too_long_a_custom_id_fails_an_assertion(team: Town) -> None:
    _, request = await team.asked()
    with pytest.raises(AssertionError, match="custom id"):
        await team.answer(request, "Settings", Choice("Edit", "config set", {"key": "k" * 90}))
