"""Settings, personas, access and the audit, as people and administrators meet them; on a platform in memory."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.administration.audit_announcer import AuditAnnouncer
from bot.administration.settings import KEYS, choices, expected_value, format_value, parse, summary
from bot.interfaces.errors import Denied, Gone, PlatformError, StoreError, UserError
from bot.interfaces.messages import Person, Place, Request, Subject
from bot.interfaces.records import AuditEntry, Persona, RecordChange, Rule
from bot.interfaces.replies import Form, Menu
from storage.sqlite import open_database
from tests.administration.stored_data import answer_text
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, THREAD, World

OTHER = Place("discord", "guild", "other", name="#other")
ELSEWHERE = Place("discord", "another guild", "general", name="#general")
GUEST = Person("9", "Gil", guest=True)
EVERYONE_OUT = Rule("discord", "guild", Subject("everyone"), "bot", allowed=False)


async def config(world: World, key: str, value: str, scope: str, place: Place = CHANNEL, person: Person = ADMIN) -> str:
    draft = await world.command("config set", place, person, key=key, value=value, scope=scope)
    return answer_text(draft)


async def table(world: World, place: Place = CHANNEL, person: Person = ANN) -> dict[str, list[str]]:
    """What `/config show` lists: the words of each row after the key."""
    rows = answer_text(await world.command("config show", place, person)).splitlines()
    return {words[0]: words[1:] for row in rows if (words := row.split()) and words[0] in KEYS}


# Settings -----------------------------------------------------------------------------------------------------------


async def test_the_nearest_setting_wins_and_is_named(world: World) -> None:
    assert (await table(world, THREAD))["language"] == ["–", "default"]
    for scope, value in (("workspace", "Welsh"), ("channel", "Czech"), ("thread", "Thai")):
        assert value in await config(world, "language", value, scope, THREAD)
    await config(world, "language", "Maori", "me", THREAD, ANN)
    assert (await table(world, THREAD, ANN))["language"] == ["Maori", "me"]
    assert (await table(world, THREAD, BEN))["language"] == ["Thai", "thread"]
    assert (await table(world, CHANNEL, BEN))["language"] == ["Czech", "channel"]
    assert (await table(world, OTHER, BEN))["language"] == ["Welsh", "workspace"]
    assert (await table(world, ELSEWHERE, BEN))["language"] == ["–", "default"]
    assert (await table(world, ELSEWHERE, ANN))["language"] == ["Maori", "me"]
    await world.command("config reset", THREAD, ANN, key="language", scope="me")
    assert (await table(world, THREAD, ANN))["language"] == ["Thai", "thread"]


async def test_a_setting_takes_effect_at_once(world: World) -> None:
    await config(world, "language", "Welsh", "channel")
    await config(world, "temperature", "0.25", "workspace")
    await config(world, "answer_tokens", "77", "channel")
    await config(world, "system_prompt", "You are {name} in {place}.", "channel")
    await world.say("Hello", CHANNEL)
    system = world.main.prompts[-1][0].text
    assert system == "You are Shoulders in #general.\n\nAnswer in Welsh."
    assert (world.main.sampled[-1].temperature, world.main.sampled[-1].max_tokens) == (0.25, 77)
    await config(world, "model", "spare", "channel")
    await world.say("Hello", CHANNEL, BEN)
    assert len(world.spare.prompts) == 1


async def test_administrators_can_disable_personal_settings(world: World) -> None:
    await config(world, "answer_tokens", "1000", "me", CHANNEL, ANN)
    await config(world, "language", "Maori", "me", CHANNEL, ANN)
    await config(world, "answer_tokens", "77", "channel")
    await config(world, "personal", "language, model", "channel")
    assert (await table(world))["answer_tokens"] == ["77", "channel"]
    assert (await table(world))["language"] == ["Maori", "me"]
    assert (await table(world, OTHER))["answer_tokens"] == ["1000", "me"]
    await world.say("Hello", CHANNEL)
    assert world.main.sampled[-1].max_tokens == 77
    refused = await config(world, "answer_tokens", "2000", "me", CHANNEL, ANN)
    assert refused.strip() == "answer_tokens is the same for everybody here. Ask an administrator."
    assert "is not used here" in answer_text(await world.command("config show", CHANNEL, ANN, key="answer_tokens"))
    assert "no longer set for you" in answer_text(
        await world.command("config reset", OTHER, ANN, key="answer_tokens", scope="me")
    )
    await config(world, "personal", "none", "channel")
    assert (await table(world))["language"] == ["–", "default"]


async def test_names_are_taken_as_people_write_them(world: World) -> None:
    assert "`ask, retry`" in await config(world, "commands_off", "/ask, retry", "channel")
    assert "`1000`" in await config(world, "answer_tokens", "1,000", "channel")
    await world.command("persona make", CHANNEL, ADMIN, name="pirate", prompt="You are a pirate.")
    assert "`pirate`" in await config(world, "persona", "pirate", "channel")
    assert "**persona** is empty for #general" in await config(world, "persona", "none", "channel")
    assert "**models** is empty" in await config(world, "models", "none", "channel")
    assert "**audit_channel** is #general for" in await config(world, "audit_channel", "here", "workspace")


async def test_a_forbidden_model_is_not_called_unknown(world: World) -> None:
    await world.command("access deny", CHANNEL, ADMIN, who="person:1|Ann", what="spare")
    assert "a rule for @Ann" in await config(world, "model", "spare", "me", CHANNEL, ANN)


async def test_completions_are_what_can_be_sent(world: World) -> None:
    async def completed(key: str, typed: str = "") -> Sequence[str]:
        return await world.intake.suggest("config set", "value", typed, CHANNEL, ADMIN, {"key": key})

    assert await completed("language") == []
    assert await completed("system_prompt") == []
    assert await completed("retention_days") == ["90"]
    assert await completed("models", "main,") == ["main, spare"]


async def test_what_was_set_is_there_after_a_restart(world: World, tmp_path: Path) -> None:
    await config(world, "language", "Welsh", "channel")
    await world.command("persona make", CHANNEL, ADMIN, name="pirate", prompt="You are a pirate.")
    await world.command("access deny", CHANNEL, ADMIN, who="role:mods|mods", what="/ask")
    await world.store.aclose()
    world.store = await open_database(tmp_path / "shoulders.db")
    try:
        await world.start()
        administration = world.app.services.administration
        assert administration.settings(CHANNEL).language == "Welsh"
        assert list(administration.personas(CHANNEL)) == ["pirate"]
        assert [rule.subject.label for rule in administration.rules(CHANNEL)] == ["@mods"]
        assert [entry.action for entry in await administration.records.audit("discord", "guild")] == [
            "access",
            "persona set",
            "config set",
        ]
    finally:
        await world.store.aclose()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("temperature", "hot", "a number from 0 to 2, or “default”"),
        ("lnguage", "x", "There is no setting lnguage. Did you mean language?"),
        ("speak", "loudly", "mentions, threads or everything"),
        ("model", "gtp", "There is no model “gtp” here. There are: main, spare."),
        ("models", "main, gtp", "There is no model “gtp” here."),
        ("persona", "pirate", "There is no persona “pirate” here. There are none yet."),
        ("commands_off", "help", "There is no command “help” here."),
        ("system_prompt", "{secret}", "an unknown placeholder: {secret}"),
        ("system_prompt", "{name:>300000000}", "an unknown placeholder"),
        ("system_prompt", "one {", "an unmatched brace"),
        ("personal", "speak", "There is no personal setting “speak” here. There are: model, tasks,"),
        ("queue_person", "0", "a whole number from 1 to 1,000"),
        ("audit_channel", "nowhere", "/audit channel"),
    ],
)
async def test_a_refused_value_names_the_right_ones(world: World, key: str, value: str, says: str) -> None:
    before = world.app.services.administration.settings(CHANNEL)
    assert says in await config(world, key, value, "workspace")
    assert world.app.services.administration.settings(CHANNEL) == before
    assert await world.app.services.administration.records.audit("discord", "guild") == []


async def test_a_scope_without_the_setting_is_refused(world: World) -> None:
    assert "cannot be set for you. Its levels are: workspace, channel" in await config(world, "models", "main", "me")
    assert "This is not a thread" in await config(world, "language", "Thai", "thread", CHANNEL)
    assert "“galaxy” is not a valid value of `scope`. Write one of: workspace, channel, thread, me." in await config(
        world, "language", "Thai", "galaxy"
    )
    assert "for yourself (`me`) or for everybody" in await config(world, "language", "Thai", "channel", DIRECT)


async def test_the_default_scope_depends_on_the_person(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="language", value="Thai")
    await world.command("config set", CHANNEL, ANN, key="language", value="Welsh")
    assert (await table(world, CHANNEL, BEN))["language"] == ["Thai", "channel"]
    assert (await table(world, CHANNEL, ANN))["language"] == ["Welsh", "me"]
    await world.command("config set", DIRECT, ADMIN, key="streaming", value="off")
    assert (await table(world, DIRECT, ADMIN))["streaming"] == ["off", "me"]


@pytest.mark.parametrize("scope", ["workspace", "channel", "thread"])
async def test_only_administrators_set_it_for_others(world: World, scope: str) -> None:
    answer = await world.command("config set", THREAD, ANN, key="language", value="Thai", scope=scope)
    assert "That is for administrators. Ask an administrator." in answer_text(answer)
    assert (await table(world, THREAD, BEN))["language"] == ["–", "default"]
    (refused,) = await world.app.services.administration.records.audit("discord", "guild", action="refused")
    assert (refused.person.name, refused.target) == ("Ann", "/config set")


async def test_rights_are_the_present_ones(world: World) -> None:
    world.adapter.people[ADMIN.id] = replace(ADMIN, administrator=False)
    assert "That is for administrators" in await config(world, "language", "Thai", "workspace")
    assert "That is for administrators" in answer_text(
        await world.command("access deny", CHANNEL, ADMIN, who="everyone")
    )
    world.adapter.people[ANN.id] = replace(ANN, administrator=True)
    assert "Thai" in await config(world, "language", "Thai", "workspace", CHANNEL, ANN)


async def test_unknown_rights_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(request: Request) -> Person:
        raise PlatformError("Discord does not answer.")

    monkeypatch.setattr(world.adapter, "whois", failing)
    assert "Discord does not answer." in await config(world, "language", "Thai", "workspace")
    assert (await table(world))["language"] == ["–", "default"]


async def test_administrators_with_unknown_rights_count_as_members(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(request: Request) -> Person:
        raise PlatformError("Discord does not answer.")

    await config(world, "models", "main", "channel")
    monkeypatch.setattr(world.adapter, "whois", failing)
    assert (await world.say("Hello", CHANNEL, ADMIN)).text.strip() == "Root: Hello"
    await world.app.services.administration.change([RecordChange(EVERYONE_OUT)], [])
    assert "You may not talk with me here" in answer_text(await world.say("Hello", CHANNEL, ADMIN))


async def test_a_cancelled_caller_does_not_undo_a_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    administration = world.app.services.administration
    keep, begun, go_on = administration.records.keep, asyncio.Event(), asyncio.Event()

    async def slowly(changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        if changes and not begun.is_set():
            begun.set()
            await go_on.wait()
        return await keep(changes, entries)

    monkeypatch.setattr(administration.records, "keep", slowly)
    arguments = {"key": "language", "value": "Klingon", "scope": "me"}
    asked = await world.offer("", CHANNEL, ANN, command="config set", arguments=arguments, message="")
    assert asked
    await begun.wait()
    forgotten = await world.offer("", CHANNEL, ANN, command="forget me", arguments={"sure": "yes"}, message="")
    assert forgotten
    await asked.finished.wait()
    go_on.set()
    await forgotten.finished.wait()
    assert administration.values_at("me", CHANNEL, ANN) == {}
    assert await administration.records.load() == []


async def test_administrators_that_the_configuration_names(world: World) -> None:
    world.config = replace(world.config, bot=world.config.bot.model_copy(update={"administrators": ("discord:1",)}))
    await world.start()
    await world.queue.recover("discord")
    assert "Thai" in await config(world, "language", "Thai", "workspace", CHANNEL, ANN)
    assert "That is for administrators" in await config(world, "language", "Lao", "workspace", CHANNEL, BEN)


async def test_a_form_asks_for_what_is_missing(world: World) -> None:
    async def form(command: str, person: Person, **given: str) -> Form | None:
        return await world.intake.dialog(world.request(command, CHANNEL, person, given))

    asked = await form("config set", ADMIN, key="speak")
    assert asked is not None
    value, scope = asked.fields
    assert [item.value for item in value.items] == ["mentions", "threads", "everything"]
    assert (value.value, [item.value for item in scope.items]) == ("threads", ["workspace", "channel"])
    asked = await form("config set", ANN, key="language")
    assert asked is not None
    assert [item.value for item in asked.fields[1].items] == ["me"]
    with pytest.raises(Denied):
        await form("config set", ANN, key="speak")
    with pytest.raises(UserError, match="Did you mean"):
        await form("config set", ANN, key="lnguage")
    assert await form("config set", ADMIN, key="speak", value="threads") is None
    with pytest.raises(Denied):
        await form("persona make", ANN, name="pirate")
    asked = await form("persona make", ADMIN, name="pirate")
    assert asked is not None
    assert (asked.command, asked.arguments) == ("persona make", {"name": "pirate"})


async def test_every_settings_form_can_be_sent_unchanged(world: World) -> None:
    for key in KEYS:
        asked = await world.intake.dialog(world.request("config set", CHANNEL, ADMIN, {"key": key}))
        assert asked is not None
        given = {field.name: field.value for field in asked.fields}
        before = getattr(world.app.services.administration.settings(CHANNEL, ADMIN), key)
        answer = answer_text(await world.command(asked.command, CHANNEL, ADMIN, **asked.arguments, **given))
        assert "from now on" in answer
        now = getattr(world.app.services.administration.settings(CHANNEL, ADMIN), key)
        assert now == before or (key, now) == ("model", "main")


async def test_completions(world: World) -> None:
    async def offered(command: str, option: str, typed: str, **given: str) -> list[str]:
        return list(await world.intake.suggest(command, option, typed, CHANNEL, ADMIN, given))

    assert await offered("config set", "key", "lang") == ["language"]
    assert (await offered("config set", "key", "model"))[:2] == ["model", "models"]
    assert await offered("config set", "value", "", key="model") == ["main", "spare"]
    assert await offered("config set", "value", "e", key="speak") == ["everything", "mentions", "threads"]
    assert await offered("config set", "value", "", key="nonsense") == []
    await config(world, "language", "Thai", "channel")
    assert await offered("config reset", "key", "") == ["language"]
    assert await offered("access allow", "what", "spa") == ["spare"]


async def test_settings_export_as_toml_and_import_again(world: World) -> None:
    await config(world, "language", "Welsh", "workspace")
    await config(world, "models", "main, spare", "channel")
    await config(world, "temperature", "default", "thread", THREAD)
    await config(world, "language", "Maori", "me", CHANNEL, ANN)
    await world.command("persona make", CHANNEL, ADMIN, name="pirate", prompt='Say "arr".\nAlways.')
    await world.command("access deny", CHANNEL, ADMIN, who="role:7|mods", what="spare")
    (file,) = (await world.command("config export", CHANNEL, ADMIN)).answers[-1].files
    text = file.content.decode()
    assert tomllib.loads(text) == {
        "workspace": {"language": "Welsh"},
        "channels": {"general": {"models": ["main", "spare"]}},
        "threads": {"general/thread": {"temperature": "default"}},
        "personas": {"pirate": 'Say "arr".\nAlways.'},
        "rules": [{"who": "role:7|mods", "what": "model:spare", "allowed": False}],
    }
    assert "Nothing to change" in answer_text(await world.command("config import", CHANNEL, ADMIN, toml=text))
    answer = await world.command("config import", ELSEWHERE, ADMIN, toml=text)
    assert answer_text(answer).startswith("5 changes:")
    assert answer.answers[-1].files[0].name == "before.toml"
    (file,) = (await world.command("config export", ELSEWHERE, ADMIN)).answers[-1].files
    assert file.content.decode() == text


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "The import is empty"),
        ("workspace", "not valid TOML"),
        ("[workspace]\nlanguage = 'Thai'\nspeak = 'loudly'", "Write mentions, threads or everything."),
        ("[workspace]\nlanguage = 'Thai'\n[[rules]]\nwho = 'all'\nwhat = 'bot'\nallowed = true", "is not a subject"),
        ("[workspace]\nlanguage = 'Thai'\n[wrkspace]", "Nothing was changed"),
        ("[threads.'general/1']\nlanguage = 'Thai'\naudit_channel = 'x'", "cannot be set for a thread"),
    ],
)
async def test_an_import_with_one_mistake_changes_nothing(world: World, toml: str, says: str) -> None:
    assert says in answer_text(await world.command("config import", CHANNEL, ADMIN, toml=toml))
    assert (await table(world))["language"] == ["–", "default"]


def test_every_setting_explains_itself() -> None:
    for key in KEYS:
        assert summary(key).endswith(".")
        assert len(summary(key)) <= 100
        assert expected_value(key)
        for word in choices(key):
            assert format_value(parse(key, word)) == word


# Manners ------------------------------------------------------------------------------------------------------------


async def test_when_to_speak(world: World) -> None:
    assert world.intake.manner(CHANNEL, "1").speaks == "threads"
    await world.say("Hello", THREAD)
    assert await world.offer("And then?", THREAD, addressed=False)
    await config(world, "speak", "mentions", "channel")
    assert await world.offer("And now?", THREAD, addressed=False) is None
    await config(world, "speak", "everything", "thread", THREAD)
    assert world.intake.manner(THREAD, "1").speaks == "everything"
    await config(world, "answer_in", "place", "channel")
    await config(world, "keep", "threads", "workspace")
    assert (world.intake.manner(CHANNEL, "1").answers_in, world.intake.manner(CHANNEL, "1").keeps) == ("place", False)
    assert world.intake.manner(THREAD, "1").keeps


async def test_private_answers_by_setting(world: World) -> None:
    request = world.request("chat", CHANNEL, ANN, {"text": "Hello"})
    assert not world.intake.settle(request).private
    await config(world, "private", "on", "me", CHANNEL, ANN)
    assert world.intake.settle(request).private
    assert not world.intake.settle(replace(request, place=DIRECT)).private
    assert not world.intake.settle(replace(request, person=BEN)).private


async def test_an_answer_without_streaming_is_shown_complete(world: World) -> None:
    await config(world, "streaming", "off", "channel")
    draft = await world.say("one two three", CHANNEL)
    assert not draft.wrote.is_set()
    assert draft.text == "Ann: one two three "


async def test_a_conversation_of_the_whole_channel(world: World) -> None:
    await world.say("I am Ann.", CHANNEL, ANN)
    await world.say("I am Ben.", CHANNEL, BEN)
    assert len(world.main.prompts[-1]) == 2
    await config(world, "continues", "channel", "channel")
    await world.say("Who was here?", CHANNEL, ANN)
    assert world.main.prompts[-1][1].text == "Ben: I am Ben."


async def test_a_persona_answers(world: World) -> None:
    await world.command("persona make", CHANNEL, ADMIN, name="pirate", prompt="You are a pirate.")
    listed = await world.command("persona list", CHANNEL, ANN)
    assert isinstance(listed.answers[-1].choices[0], Menu)
    await world.command("persona use", CHANNEL, ANN, name="pirate")
    await world.say("Hello", CHANNEL, ANN)
    assert world.main.prompts[-1][0].text.endswith("You are a pirate.")
    await world.say("Hello", CHANNEL, BEN)
    assert "pirate" not in world.main.prompts[-1][0].text
    await world.command("persona edit", CHANNEL, ADMIN, name="pirate", prompt="You are a captain.")
    await world.say("Hello", CHANNEL, ANN)
    assert world.main.prompts[-1][0].text.endswith("You are a captain.")
    await world.command("persona delete", CHANNEL, ADMIN, name="pirate")
    await world.say("Hello", CHANNEL, ANN)
    assert "captain" not in world.main.prompts[-1][0].text
    assert "There is no persona" in answer_text(await world.command("persona use", CHANNEL, ANN, name="pirate"))


@pytest.mark.parametrize(
    "name", ["", "two words", "a`b", "@everyone", "a/b", "x" * 33, "none", "NONE", "-p", "🦜", "a\u202eb"]
)
async def test_personas_names_are_valid_everywhere(world: World, name: str) -> None:
    answer = answer_text(await world.command("persona make", CHANNEL, ADMIN, name=name, prompt="You are."))
    assert ("at most 32 letters, digits, “-” and “_”" if name else "needs `name`") in answer
    with pytest.raises(UserError):
        await world.intake.dialog(world.request("persona make", CHANNEL, ADMIN, {"name": name}))
    assert world.app.services.administration.personas(CHANNEL) == {}


async def test_personas_names_ignore_case(world: World) -> None:
    await world.command("persona make", CHANNEL, ADMIN, name="Pirate", prompt="You are a pirate.")
    answer = answer_text(await world.command("persona make", CHANNEL, ADMIN, name="pirate", prompt="You are a parrot."))
    assert "There is a persona “Pirate” already." in answer
    with pytest.raises(UserError, match="There is a persona “Pirate” already"):
        await world.intake.dialog(world.request("persona make", CHANNEL, ADMIN, {"name": "PIRATE"}))
    assert "`Pirate`" in answer_text(await world.command("persona use", CHANNEL, ANN, name="PIRATE"))
    assert "(answers here)" in answer_text(await world.command("persona list", CHANNEL, ANN))
    assert "**Pirate** has this prompt" in answer_text(await world.command("persona show", CHANNEL, ANN, name="pirate"))
    assert "**Pirate** is ready" in answer_text(
        await world.command("persona edit", CHANNEL, ADMIN, name="pirate", prompt="You are a captain.")
    )
    assert "**Pirate** is deleted" in answer_text(await world.command("persona delete", CHANNEL, ADMIN, name="pirate"))


@pytest.mark.parametrize("name", ["@everyone", "c++", "a`b\n", "none", "n" * 200])
async def test_personas_of_before_stay_usable(world: World, name: str) -> None:
    kept = [Persona("discord", "guild", one, f"You are {one}.") for one in (name, name.upper())]
    await world.app.services.administration.change([RecordChange(persona) for persona in kept], [])
    listed = (await world.command("persona list", CHANNEL, ANN)).answers[-1]
    assert all(len(item.value) <= 75 for menu in listed.choices if isinstance(menu, Menu) for item in menu.items)
    if name != "none":
        await world.command("persona use", CHANNEL, ANN, name=name)
        await world.say("Hello", CHANNEL, ANN)
        assert world.main.prompts[-1][0].text.endswith(f"You are {name}.")
    for persona in dict.fromkeys(kept):
        assert "is deleted" in answer_text(await world.command("persona delete", CHANNEL, ADMIN, name=persona.name))
    assert world.app.services.administration.personas(CHANNEL) == {}


# Queues -------------------------------------------------------------------------------------------------------------


async def test_too_many_questions_are_refused_without_a_loss(world: World) -> None:
    await config(world, "queue_person", "3", "workspace")
    gate = asyncio.Event()
    world.hold(gate)
    drafts = [await world.offer(str(number), CHANNEL) for number in range(4)]
    other = await world.offer("of Ben", CHANNEL, BEN)
    assert all(drafts)
    full = drafts[3]
    assert full is not None
    await full.finished.wait()
    sentence = "3 of your questions are not answered yet. Ask again when you have an answer."
    assert answer_text(full).strip() == sentence
    assert full.answers[-1].private
    (row,) = await world.store.records.audit("discord", "guild", action="refused")
    assert (row.person.name, row.target, row.after) == ("Ann", "/chat", sentence)
    gate.set()
    for draft in (*drafts[:3], other):
        assert draft is not None
        await draft.finished.wait()
        assert draft.text


@pytest.mark.parametrize("why", ["denied", "full"])
async def test_a_flood_of_refusals_is_silent(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    """A person is told a few times a minute, and the audit says the same only once in that time."""
    now = 0.0
    monkeypatch.setattr("bot.administration.refusals.monotonic", lambda: now)
    gate = asyncio.Event()
    if why == "denied":
        await world.command("access deny", CHANNEL, ADMIN, who="person:1|Ann")
    else:
        world.hold(gate)
        await config(world, "queue_person", "1", "workspace")
        await world.offer("Tell me", CHANNEL)

    async def flood(count: int, person: Person = ANN) -> int:
        drafts = [await world.say("Again", replace(CHANNEL, thread=f"{n}"), person) for n in range(count)]
        return sum(bool(answer_text(draft).strip()) for draft in drafts)

    async def rows() -> int:
        return len(await world.store.records.audit("discord", "guild", action="refused"))

    assert (await flood(30), await rows()) == (5, 1)
    assert caplog.text.count("discord:1 is refused") == 1
    if why == "denied":
        assert "You may not use `/ask`" in answer_text(await world.command("ask", CHANNEL, text="?")), (
            "who waits is answered"
        )
    now, before = 61.0, await rows()
    assert (await flood(30), await rows()) == (5, before + 1)
    gate.set()


@pytest.mark.parametrize("command", ["chat", "ask", "summarise"])
async def test_questions_in_lanes_of_their_own_count_too(world: World, command: str) -> None:
    await config(world, "queue_person", "2", "workspace")
    gate = asyncio.Event()
    world.hold(gate)
    places = [replace(CHANNEL, thread=f"thread-{number}") for number in range(10)]
    drafts = [await world.offer("Tell me", place, command=command) for place in places]
    for full in drafts[2:]:
        assert full is not None
        await full.finished.wait()
    assert len(world.main.prompts) <= 2
    assert len(await world.store.records.audit("discord", "guild", action="refused")) == 1, "the same once a minute"
    passing = await world.command("help", CHANNEL)
    assert "not answered yet" not in answer_text(passing)
    gate.set()
    for draft in drafts[:2]:
        assert draft is not None
        await draft.finished.wait()
        assert "at last" in draft.text
    await world.active.idle()
    assert "at last" in (await world.say("Once more", CHANNEL)).text
    assert len(world.main.prompts) == 3


async def test_a_place_holds_so_many_questions(world: World) -> None:
    await config(world, "queue_place", "3", "workspace")
    await config(world, "continues", "channel", "workspace")
    gate = asyncio.Event()
    world.hold(gate)
    drafts = [await world.offer("?", CHANNEL, Person(str(number), "P")) for number in range(10, 16)]
    for full in drafts[4:]:
        assert full is not None
        await full.finished.wait()
        assert "3 questions are waiting here already" in answer_text(full)
    assert len(await world.store.records.audit("discord", "guild", action="refused")) == 2
    gate.set()


# Access -------------------------------------------------------------------------------------------------------------

MOD = Person("4", "Mo", roles=("mods",))
RULES: list[tuple[list[tuple[str, str, str]], Person, str, bool]] = [
    ([], ANN, "chat", True),
    ([], GUEST, "chat", False),
    ([("deny", "everyone", "bot")], ANN, "chat", False),
    ([("deny", "everyone", "bot")], ADMIN, "chat", True),
    ([("deny", "everyone", "bot"), ("allow", "role:mods|mods", "bot")], MOD, "chat", True),
    ([("deny", "everyone", "bot"), ("allow", "role:mods|mods", "bot")], ANN, "chat", False),
    ([("allow", "role:mods|mods", "bot"), ("deny", "person:4|Mo", "bot")], MOD, "chat", False),
    ([("deny", "channel:general|general", "bot"), ("allow", "person:1|Ann", "bot")], ANN, "chat", True),
    ([("deny", "channel:general|general", "bot")], BEN, "chat", False),
    ([("deny", "channel:other|other", "bot")], BEN, "chat", True),
    ([("deny", "everyone", "/ask")], ANN, "ask", False),
    ([("deny", "everyone", "/ask")], ANN, "chat", True),
    ([("deny", "everyone", "bot"), ("allow", "everyone", "/ask")], ANN, "ask", True),
    ([("deny", "everyone", "bot"), ("allow", "everyone", "/ask")], ANN, "chat", False),
    ([("allow", "guests", "bot")], GUEST, "chat", True),
    ([("allow", "everyone", "bot")], GUEST, "chat", False),
    ([("allow", "guests", "/ask")], GUEST, "ask", True),
    ([("allow", "guests", "/ask")], GUEST, "chat", False),
    ([("allow", "person:9|Gil", "bot")], GUEST, "ask", True),
    ([("deny", "everyone", "spare")], ANN, "chat", True),
    ([("deny", "everyone", "main"), ("allow", "role:mods|mods", "main")], MOD, "chat", True),
]


@pytest.mark.parametrize(("rules", "person", "command", "allowed"), RULES)
async def test_who_may_what(
    world: World, rules: list[tuple[str, str, str]], person: Person, command: str, allowed: bool
) -> None:
    for verb, who, what in rules:
        subject = Subject.read(who)
        assert subject is not None
        given = {"channel": who} if subject.kind == "channel" else {"who": who}
        assert "from now on" in answer_text(await world.command(f"access {verb}", OTHER, ADMIN, what=what, **given))
    draft = await world.say("Hello", CHANNEL, person, command=command)
    assert bool(world.main.prompts) == allowed
    if not allowed:
        assert "You may not" in answer_text(draft)
        assert "Ask an administrator." in answer_text(draft)
        assert draft.request.private or draft.answers[-1].private
        assert await world.app.services.administration.records.audit("discord", "guild", action="refused")


async def test_buttons_are_no_way_around(world: World) -> None:
    draft = await world.say("Hello", CHANNEL, ANN)
    await world.command("access deny", CHANNEL, ADMIN, who="everyone", what="/chat")
    retried = await world.command("retry", CHANNEL, ANN, request=str(draft.log.request_id))
    assert "You may not talk with me here" in answer_text(retried)
    assert len(world.main.prompts) == 1


async def test_repeated_refusals_are_not_shown(world: World) -> None:
    await world.say("Hello", THREAD, ANN)
    await world.command("access deny", THREAD, ADMIN, who="person:2|Ben", what="bot")
    assert await world.offer("I agree", THREAD, BEN, addressed=False) is None


async def test_commands_that_are_off(world: World) -> None:
    await config(world, "commands_off", "ask, models", "channel")
    await config(world, "contact", "the help desk", "workspace")
    assert "switched off here. Ask the help desk." in answer_text(await world.say("?", CHANNEL, command="ask"))
    assert "`/models` is switched off here" in answer_text(await world.command("models list", CHANNEL, ADMIN))
    assert (await world.say("?", OTHER, command="ask")).text


async def test_models_that_are_allowed(world: World) -> None:
    await config(world, "models", "spare", "channel")
    await world.say("Hello", CHANNEL)
    assert (len(world.main.prompts), len(world.spare.prompts)) == (0, 1)
    answer = await world.say("Hello", CHANNEL, command="ask", arguments={"text": "Hello", "model": "main"})
    assert "The model main is not allowed here. Allowed models: spare." in answer_text(answer)
    assert "main" not in answer_text(await world.command("models list", CHANNEL))


async def test_a_removed_rule_is_in_the_audit(world: World) -> None:
    await world.command("access deny", CHANNEL, ADMIN, who="everyone", what="/ask")
    assert "/ask" in answer_text(await world.command("access show", CHANNEL, ADMIN)).split("Models:")[1]
    assert "/ask," not in answer_text(await world.command("access show", CHANNEL, ANN))
    assert "I removed the rule" in answer_text(
        await world.command("access remove", CHANNEL, ADMIN, who="everyone", what="/ask")
    )
    assert "There is no rule" in answer_text(
        await world.command("access remove", CHANNEL, ADMIN, who="everyone", what="/ask")
    )
    entries = await world.app.services.administration.records.audit("discord", "guild", action="access")
    assert [(entry.target, entry.before, entry.after) for entry in entries] == [
        ("/ask for everyone", "denied", ""),
        ("/ask for everyone", "", "denied"),
    ]


async def test_the_first_argument_can_be_the_rules_target(world: World) -> None:
    """Whom it is about is said by the channel then."""
    for what, about in (("/ask", "/ask"), ("bot", "the bot"), ("spare", "the model spare")):
        answer = answer_text(
            await world.command("access deny", CHANNEL, ADMIN, who=what, channel="channel:other|other")
        )
        assert f"#other may not use {about} from now on" in answer
    assert len(world.app.services.administration.rules(CHANNEL)) == 3
    assert "I removed the rule" in answer_text(
        await world.command("access remove", CHANNEL, ADMIN, who="/ask", channel="channel:other|x")
    )
    for who in ("@staff", "/nothing"):
        refused = answer_text(
            await world.command("access deny", CHANNEL, ADMIN, who=who, channel="channel:other|other")
        )
        assert "A rule has one subject" in refused
    assert "A rule needs a subject" in answer_text(await world.command("access deny", CHANNEL, ADMIN, who="/ask"))
    assert len(world.app.services.administration.rules(CHANNEL)) == 2


async def test_a_rule_with_two_subjects_is_refused(world: World) -> None:
    given = {"who": "person:2|Ben", "what": "/ask", "channel": "channel:general|general"}
    assert "A rule has one subject" in answer_text(await world.command("access deny", CHANNEL, ADMIN, **given))
    assert world.app.services.administration.rules(CHANNEL) == []


async def test_help_is_for_everybody(world: World) -> None:
    await world.command("access deny", CHANNEL, ADMIN, who="everyone", what="bot")
    assert "I am **Shoulders**" in answer_text(await world.command("help", CHANNEL, GUEST))


# Audit --------------------------------------------------------------------------------------------------------------


async def test_the_audit_can_be_filtered_and_exported(world: World) -> None:
    await config(world, "language", "Thai", "channel")
    await config(world, "contact", "=1+1", "workspace")
    await world.command("access deny", CHANNEL, ADMIN, who="everyone", what="/ask")
    await config(world, "language", "Lao", "workspace", CHANNEL, BEN)
    everything = answer_text(await world.command("audit show", CHANNEL, ADMIN))
    assert all(word in everything for word in ("language (channel)", "/ask for everyone", "refused", "Ben"))
    assert "Ben" not in answer_text(await world.command("audit show", CHANNEL, ADMIN, action="config"))
    assert (
        "language"
        not in answer_text(await world.command("audit show", CHANNEL, ADMIN, who="person:2|Ben")).split("Ben")[0]
    )
    assert "no such entries" in answer_text(await world.command("audit show", CHANNEL, ADMIN, action="forget"))
    assert "is not a duration" in answer_text(await world.command("audit show", CHANNEL, ADMIN, since="ages"))
    assert "Thai" in answer_text(await world.command("audit show", CHANNEL, ADMIN, since="1h"))
    (file,) = (await world.command("audit export", CHANNEL, ADMIN)).answers[-1].files
    lines = file.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("at,person,person_id,place")
    assert len(lines) == 5
    assert any(line.endswith("'=1+1") for line in lines)
    assert "That is for administrators" in answer_text(await world.command("audit show", CHANNEL, ANN))


async def test_concurrent_changes_see_each_other(world: World) -> None:
    sam = Person("5", "Sam", administrator=True)
    await asyncio.gather(
        config(world, "language", "Lao", "workspace"), config(world, "language", "Thai", "workspace", CHANNEL, sam)
    )
    last, first = await world.app.services.administration.records.audit("discord", "guild")
    assert (first.before, last.before) == ("", first.after)
    makes = [("p", ADMIN), ("P", sam)]
    await asyncio.gather(
        *(world.command("persona make", CHANNEL, who, name=name, prompt="You are.") for name, who in makes),
        *(world.command("config reset", CHANNEL, who, key="language", scope="workspace") for _, who in makes),
    )
    actions = [entry.action for entry in await world.app.services.administration.records.audit("discord", "guild")]
    assert sorted(actions) == ["config reset", "config set", "config set", "persona set"]


async def test_every_kind_of_action_is_offered(world: World) -> None:
    await world.command("export channel", CHANNEL, ADMIN)
    assert "export" in answer_text(await world.command("audit show", CHANNEL, ADMIN, action="export"))
    assert list(await world.intake.suggest("audit show", "action", "exp", CHANNEL, ADMIN, {})) == ["export"]


async def test_changes_are_announced_once_where_that_is_wished(world: World) -> None:
    administration = world.app.services.administration
    await config(world, "language", "Thai", "workspace")
    await world.command("audit channel", CHANNEL, ADMIN, channel="channel:log|log")
    await config(world, "language", "Lao", "workspace", CHANNEL, BEN)
    await config(world, "language", "Welsh", "workspace")
    herald = AuditAnnouncer(administration, {"discord": world.adapter})
    assert await herald._announce_all()
    texts = [text for place, text, _ in world.adapter.posts if place.channel == "log"]
    assert texts[-1] == "**Root** in #general, config set: language (workspace): `Thai` → `Welsh`"
    assert not any("Lao" in text or "refused" in text for text in texts)
    assert await herald._announce_all()
    assert len(world.adapter.posts) == len(texts)


async def test_changes_of_own_settings_are_not_announced(world: World) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel="channel:log|log")
    herald = AuditAnnouncer(world.app.services.administration, {"discord": world.adapter})
    await herald._announce_all()
    told = len(world.adapter.posts)
    await config(world, "language", "Welsh", "me", CHANNEL, ANN)
    await world.command("config reset", CHANNEL, ANN, key="language", scope="me")
    await world.say("Hello", DIRECT, ANN)
    await world.say("Hello", CHANNEL, ANN)
    for what in ("conversation", "me"):
        await world.command(f"forget {what}", CHANNEL, ANN, sure="yes")
    await herald._announce_all()
    assert len(world.adapter.posts) == told
    shown = answer_text(await world.command("audit show", CHANNEL, ADMIN))
    assert all(action in shown for action in ("config set", "config reset", "forget conversation", "forget me"))
    assert "Welsh" not in shown
    await world.say("Of Ben", THREAD, BEN)
    await world.say("Of Ann", THREAD, ANN)
    await world.command("forget conversation", THREAD, BEN, sure="yes")
    await herald._announce_all()
    assert len(world.adapter.posts) == told + 1, "others took part in it"


async def test_a_failed_announcement_is_made_later_or_never(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel="channel:log|log")
    herald = AuditAnnouncer(world.app.services.administration, {"discord": world.adapter})
    failures: list[PlatformError] = [PlatformError("Discord is down."), Gone("There is no such channel.")]

    async def failing(place: Place, text: str, key: str) -> None:
        raise failures.pop(0)

    monkeypatch.setattr(world.adapter, "post", failing)
    assert not await herald._announce_all()
    assert await herald._announce_all()
    assert await world.app.services.administration.records.unannounced(10) == []


async def test_an_audit_channel_can_be_left(world: World) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel="channel:log|log")
    await world.command("audit channel", CHANNEL, ADMIN)
    assert world.app.services.administration.settings(CHANNEL).audit_channel == ""


async def test_an_unstored_change_has_no_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(world.app.services.administration.records, "keep", failing)
    assert "The disk is full." in await config(world, "language", "Thai", "workspace")
    assert world.app.services.administration.settings(CHANNEL).language == ""
