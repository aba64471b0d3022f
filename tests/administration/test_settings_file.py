"""Everything that was set as one file and back: what a file may say, what is refused, and how it is written down."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bot.interfaces.messages import Attachment, Place, Subject
from bot.interfaces.records import Limit, Persona, RecordChange, Rule
from storage.sqlite import open_database
from tests.administration.stored_data import answer_text
from tests.administration.test_administration import ELSEWHERE, GUEST
from tests.core.world import ADMIN, ANN, CHANNEL, THREAD, World

RULE = '[[rules]]\nwho = "{}"\nwhat = "{}"\nallowed = false\n'
LIMIT = '[[limits]]\nwho = "{}"\namount = {}\nunit = "requests"\nwindow = "day"\nmodel = "{}"\n'
WHOLE = """\
[workspace]
language = "Welsh"
persona = "pirate"

[channels.general]
models = ["main", "spare"]

[threads."general/thread"]
temperature = "default"

[personas]
pirate = "You are a pirate."

[[rules]]
who = "role:7|mods"
what = "model:spare"
allowed = false

[[limits]]
who = "person:1|Ann"
amount = 2500000
unit = "money"
window = "day"
model = "main"
"""


async def take_in(world: World, toml: str, place: Place = CHANNEL, **more: str) -> str:
    return answer_text(await world.command("config import", place, ADMIN, toml=toml, **more))


async def export(world: World, place: Place = CHANNEL) -> str:
    (file,) = (await world.command("config export", place, ADMIN)).answers[-1].files
    return file.content.decode()


async def audit(world: World, place: Place, *actions: str) -> list[tuple[str, str, str, str]]:
    """What was done, oldest first, without the settings of elsewhere."""
    entries = await world.app.services.administration.records.audit(place.platform, place.workspace)
    wanted = [entry for entry in reversed(entries) if entry.action.startswith(actions)]
    return [(entry.action, entry.target, entry.before, entry.after) for entry in wanted]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (RULE.format("workspace", "bot"), "[[rules]], entry 1: A rule needs a subject"),
        (RULE.format("everyone", "command:nope"), "[[rules]], entry 1: There is no command or model “command:nope”."),
        (RULE.format("everyone", "robot"), "There is no command or model “robot”."),
        (RULE.format("everyone", ""), "There is no command or model “”."),
        (RULE.format("everyone", "model:"), "There is no command or model “model:”."),
        (RULE.format("everyone", "help"), "There is no command or model “help”."),
        (
            RULE.format("everyone", "bot") + RULE.format("nobody", "bot"),
            "[[rules]], entry 2: “nobody” is not a subject.",
        ),
        (RULE.format("everyone", "/ask") + RULE.format("everyone", "command:ask"), "entry 2: It is a duplicate"),
        (RULE.format("person:1|A\\nB", "bot"), "“person:1|A B” is not a subject"),
        (LIMIT.format("everyone", 5, "nope"), "[[limits]], entry 1: There is no model “nope”."),
        (LIMIT.format("everyone", 10**20, ""), "[[limits]], entry 1: An amount is a number from 0"),
        (LIMIT.format("everyone", -1, ""), "[[limits]], entry 1: An amount is a number from 0"),
        (LIMIT.format("everyone", "true", ""), "limits, entry 1, amount is not valid"),
        ('[personas]\n"none" = "x"', "[personas] none: “none” is not a valid name"),
        ('[personas]\n"" = "x"', "[personas]: “” is not a valid name"),
        ('[personas]\n"a b`\\n@everyone" = "x"', "[personas] a b` @everyone: “a b`"),
        ('[personas]\nPirate = "x"\npirate = "y"', "[personas] pirate: It is a duplicate"),
        ('[personas]\nbig = "' + "x" * 8_001 + '"', "[personas] big: A persona's prompt has at most 8,000 characters"),
        ('[personas]\nsilent = " "', "[personas] silent: A persona needs a prompt"),
        ("[personas]\npirate = 1", "personas, pirate is not valid"),
        ('[workspace]\npersona = "pirate"', "[workspace] persona: There is no persona “pirate” here."),
        ("[workspace]\nanswer_tokens = true", "“True” is not a valid value of answer_tokens. Write a whole number"),
        ("[workspace]\nlanguage = true", "“True” is not a valid value of language. Write text"),
        ("[workspace]\nlanguage = 2026-01-01", "workspace, language is not valid"),
        ('[channels.""]\nlanguage = "Thai"', "[channels.]: The key of a channel is its id."),
        ('[threads.x]\nlanguage = "Thai"', "[threads.x]: The key of a thread"),
        ('[threads."x/"]\nlanguage = "Thai"', "[threads.x/]: The key of a thread"),
        ("a = " + "[" * 3_000 + "]" * 3_000, "nested too deeply"),
        ("a = " + "1" * 5_000, "this is not valid TOML"),
    ],
)
async def test_a_file_may_say_what_the_commands_may(world: World, toml: str, says: str) -> None:
    before = await export(world)
    answer = await take_in(
        world, f"{toml}\n" if toml.startswith("a =") else f'{toml}\n[channels.good]\nlanguage = "Lao"\n'
    )
    assert says in answer
    assert answer.count("Nothing was changed") == 1
    assert await export(world) == before
    assert (await world.say("Hello", CHANNEL)).text


async def test_a_settings_file_can_use_its_own_personas(world: World) -> None:
    await take_in(world, '[personas]\nPirate = "You are a pirate."\n[workspace]\npersona = "pirate"\n')
    assert world.app.services.administration.settings(CHANNEL).persona == "Pirate"
    await world.say("Hello", CHANNEL)
    assert world.main.prompts[-1][0].text.endswith("You are a pirate.")
    assert "no persona “Pirate”" in await take_in(world, '[workspace]\npersona = "Pirate"\n', ELSEWHERE)


async def test_the_audit_is_the_same_for_every_way(world: World) -> None:
    for place in (CHANNEL, ELSEWHERE):
        await world.command("persona make", place, ADMIN, name="pirate", prompt="You are a parrot.")
        await world.command("access allow", place, ADMIN, who="role:7|mods", what="spare")
    await world.command("persona edit", CHANNEL, ADMIN, name="pirate", prompt="You are a pirate.")
    await world.command("access deny", CHANNEL, ADMIN, who="role:7|mods", what="spare")
    limit = {"amount": "2.50", "of": "money", "per": "day", "who": "person:1|Ann", "model": "main"}
    await world.command("limits set", CHANNEL, ADMIN, **limit)
    assert (await take_in(world, await export(world), ELSEWHERE)).startswith("3 changes:")
    kinds = ("persona", "access", "limit")
    assert await audit(world, ELSEWHERE, *kinds) == await audit(world, CHANNEL, *kinds)
    assert ("limit set", "money a day with the model main for @Ann", "", "2.50 USD") in await audit(
        world, ELSEWHERE, "limit"
    )
    assert ("access", "the model spare for @mods", "allowed", "denied") in await audit(world, ELSEWHERE, "access")


async def test_the_audit_says_whose_setting_it_was(world: World) -> None:
    answer = await take_in(world, '[channels.general]\nlanguage = "Lao"\n[channels.other]\nlanguage = "Thai"\n')
    assert answer.startswith("2 changes:")
    targets = [target for _, target, _, _ in await audit(world, CHANNEL, "config set")]
    assert targets == ["language (channel)", "language (channel other)"]


async def test_one_change_is_one(world: World) -> None:
    assert (await take_in(world, '[workspace]\nlanguage = "Lao"\n')).startswith("1 change:\n- language (workspace)")


async def test_the_answer_does_not_list_hundreds(world: World) -> None:
    answer = await take_in(world, "[personas]\n" + "\n".join(f'p{number} = "x"' for number in range(300)))
    assert answer.startswith("300 changes:")
    assert "- and 250 more; `/audit show` lists them" in answer


async def test_an_exact_import_can_be_undone(world: World) -> None:
    await take_in(world, WHOLE)
    await world.command("config set", CHANNEL, ANN, key="language", value="Maori", scope="me")
    full = await export(world)
    little = '[workspace]\nlanguage = "Thai"\n[personas]\nparrot = "You are a parrot."\n'
    await take_in(world, little)
    assert set(tomllib.loads(await export(world))["personas"]) == {"pirate", "parrot"}
    draft = await world.command("config import", CHANNEL, ADMIN, toml=little, exact="yes")
    assert "- pirate: `You are a pirate.` → `–`" in answer_text(draft)
    assert "import before.toml with `exact`" in answer_text(draft)
    assert tomllib.loads(await export(world)) == tomllib.loads(little)
    assert world.app.services.administration.settings(CHANNEL, ANN).language == "Maori"
    await take_in(world, full, exact="yes")
    assert await export(world) == full
    assert ("persona delete", "pirate", "You are a pirate.", "") in await audit(world, CHANNEL, "persona")
    assert ("limit remove", "money a day with the model main for @Ann", "2.50 USD", "") in await audit(
        world, CHANNEL, "limit"
    )


async def test_an_exact_import_skips_settings_of_removed_personas(world: World) -> None:
    await world.command("persona make", CHANNEL, ADMIN, name="parrot", prompt="Squawk.")
    await world.command("persona use", CHANNEL, ADMIN, name="parrot", scope="channel")
    await world.command("persona delete", CHANNEL, ADMIN, name="parrot")
    await world.command("config set", CHANNEL, ADMIN, key="language", value="Welsh", scope="channel")
    before = await export(world)
    await take_in(world, '[workspace]\nlanguage = "Lao"\n', exact="yes")
    told = await take_in(world, before, exact="yes")
    assert "Skipped: [channels.general] persona. There is no persona “parrot” here." in told
    assert tomllib.loads(await export(world))["channels"]["general"] == {"language": "Welsh"}
    assert "Nothing was changed. The mistake is in [channels.general] persona" in await take_in(world, before)


async def test_nothing_is_undone_exactly(world: World) -> None:
    nothing = await export(world)
    await take_in(world, WHOLE)
    await take_in(world, nothing, exact="yes")
    assert await export(world) == nothing


@pytest.mark.parametrize("prompt", ["one\r\ntwo\r", '"""', "'''\\", "\ttab ", "\x0b\x1b", "ünï 🦜\u2028", "x" * 8_000])
async def test_prompts_come_back_as_they_were(world: World, prompt: str) -> None:
    administration = world.app.services.administration
    await administration.change([RecordChange(Persona("discord", "guild", "odd", prompt))], [])
    await take_in(world, await export(world), ELSEWHERE)
    assert administration.personas(ELSEWHERE)["odd"].prompt == prompt


async def test_a_text_like_a_default_is_one(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="contact", value="default", scope="workspace")
    assert "1 change:" in await take_in(world, await export(world), ELSEWHERE)


async def test_a_file_is_read_that_came_along(world: World) -> None:
    world.adapter.files = {
        "settings.toml": WHOLE.encode(),
        "cat.png": b"\x89PNG",
        "old.toml": b'[workspace]\ncontact = "\xfc"',
    }
    file = Attachment("settings.toml")
    for attachments, arguments, says in (
        ((file,), {}, "7 changes:"),
        ((file,), {"exact": "yes"}, "Nothing to change"),
        ((file, file), {}, "Attach one file"),
        ((file,), {"toml": WHOLE}, "Attach one file"),
        ((Attachment("gone.toml"),), {}, "I cannot read “gone.toml”. The file is gone."),
        ((Attachment("cat.png", "image/png"),), {}, "“cat.png” is not a text file"),
    ):
        request = world.request("config import", CHANNEL, ADMIN, arguments)
        assert await world.intake.dialog(replace(request, attachments=attachments)) is None
        draft = await world.say(
            "", CHANNEL, ADMIN, command="config import", arguments=arguments, attachments=attachments
        )
        assert says in answer_text(draft)
    form = await world.intake.dialog(world.request("config import", CHANNEL, ADMIN, {"exact": "yes"}))
    assert form is not None
    assert form.arguments == {"exact": "yes"}


async def test_settings_with_a_removed_model_import_again(world: World) -> None:
    administration = world.app.services.administration
    rule = Rule("discord", "guild", Subject("everyone"), "model:gone", allowed=False)
    limit = Limit("discord", "guild", Subject("everyone"), "gone", "requests", "day", 10**16)
    await administration.change([RecordChange(rule), RecordChange(limit)], [])
    text = await export(world)
    assert "Nothing to change" in await take_in(world, text)
    assert "There is no command or model “model:gone”" in await take_in(world, text, ELSEWHERE)


async def test_records_of_another_version_are_ignored(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd: list[RecordChange] = [
        RecordChange(Rule("discord", "guild", Subject("workspace"), "bot", allowed=True)),
        RecordChange(Rule("discord", "guild", Subject("everyone"), "robot", allowed=False)),
        RecordChange(Limit("discord", "guild", Subject("planet"), "", "requests", "day", 1)),  # type: ignore[arg-type]  # unknown
        RecordChange(Persona("discord", "guild", "", "SECRET")),
    ]
    await world.app.services.administration.records.keep(odd, [])
    await world.store.aclose()
    world.store = await open_database(tmp_path / "shoulders.db")
    await world.start()
    await world.queue.recover("discord")
    try:
        assert caplog.text.count("A stored record is ignored") == 4
        assert "SECRET" not in caplog.text
        assert (await world.say("Hello", THREAD)).text
        assert "SECRET" not in world.main.prompts[-1][0].text
        assert "There are no rules" in answer_text(await world.command("access show", CHANNEL, ADMIN))
        assert "There is no limit" in answer_text(await world.command("limits show", CHANNEL, ADMIN))
        assert tomllib.loads(await export(world)) == {}
        administration = world.app.services.administration
        await administration.change(administration.removal("discord", "guild"), [])
        assert await administration.records.load() == []
    finally:
        await world.queue.aclose(0)
        await world.store.aclose()


async def test_a_rule_of_unknown_kind_binds_nobody(world: World) -> None:
    administration = world.app.services.administration
    rule = Rule("discord", "guild", Subject("workspace"), "bot", allowed=False)
    administration._records["discord", "guild"] = {rule: rule}
    assert (await world.say("Hello", CHANNEL)).text
    assert "guests need the permission of an administrator" in answer_text(await world.say("Hello", CHANNEL, GUEST))
