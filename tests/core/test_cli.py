"""The command line in real processes: one line for each mistake, and exit status 2."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from bot.tasks.engine.quoted_answer import NOT_FOUND
from tests.fakes.openai import Answer, FakeOpenAI

ROOT = Path(__file__).parents[2]


def shoulders(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert shoulders(tmp_path, "--version").stdout == "shoulders 0.1.0\n"


@pytest.mark.parametrize(
    ("config", "environment", "line"),
    [
        ("[bot]\nnaem = 'x'", {}, "Did you mean name?"),
        ("", {}, "There is no token for any platform."),
        ("", {"SLACK_BOT_TOKEN": "xoxb-1"}, "slack needs SLACK_APP_TOKEN"),
        (
            "",
            {"DISCORD_TOKEN": "MTIz.x.y", "OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "here"},
            "OPENAI_BASE_URL must",
        ),
        ("[bot]\ndatabase = '/proc/nowhere/x.db'", {"DISCORD_TOKEN": "MTIz.x.y"}, "could not be opened"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, config: str, environment: dict[str, str], line: str
) -> None:
    (tmp_path / "config.toml").write_text(config)
    done = shoulders(tmp_path, "run", **environment)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_bad_certificate_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[discord]\napi_url = "https://127.0.0.1:1/api"\n')
    done = shoulders(tmp_path, "run", DISCORD_TOKEN="MTIz.x.y", SSL_CERT_FILE="/nowhere.pem")
    assert done.returncode == 2
    assert "shoulders: SSL_CERT_FILE names /nowhere.pem, which does not exist." in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unusable_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = tmp_path / "data" / "shoulders.db"
    with sqlite3.connect(database) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    done = shoulders(tmp_path, "chat")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "newer Shoulders" in done.stderr
    with FileLock(f"{database}.lock"):
        done = shoulders(tmp_path, "chat")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Another Shoulders" in done.stderr


def test_a_plain_manifest_is_printed(tmp_path: Path) -> None:
    done = shoulders(tmp_path, "manifest", "slack", "--plain")
    assert (done.returncode, "agent_view" in done.stdout, "app_home" in done.stdout) == (0, False, True)


def test_the_doctor_reports_everything_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[models.here]\nbackend = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\nkey_env = "MY_KEY"\n'
    )
    done = shoulders(tmp_path, "doctor", MY_KEY="sk-canary-0123456789")
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines][:5] == ["versions", "config", "database", "permissions", "here"]
    assert lines[4].startswith("FAIL")
    assert done.returncode == 1
    assert "canary" not in done.stdout + done.stderr
    assert {"discord", "slack"} <= {line.split()[1] for line in lines}


def test_the_doctor_continues_after_unusable_models(tmp_path: Path) -> None:
    done = shoulders(tmp_path, "doctor", OPENAI_API_KEY="sk-1", OPENAI_BASE_URL="here")
    assert "FAIL  models     OPENAI_BASE_URL must look like" in done.stdout
    assert "slack" in done.stdout
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.timeout(180)
def test_make_chat_answers_from_the_bundled_model(tmp_path: Path) -> None:
    """Run `make chat` with the installation that exists."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[bot]\ndata = "{ROOT / "data"}"\ndatabase = "{tmp_path / "chat.db"}"\n'
        '[models.small]\nbackend = "local"\nmodel = "bundled:smollm2"\nmax_tokens = 12\n'
    )
    done = subprocess.run(
        ["make", "--old-file=.venv/ready-local", "chat", f"ARGS=--config {config}"],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        input="What is a pretrained model?\n/new\nName the colours of the rainbow.\n",
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "small answers, and text goes to this machine" in done.stderr
    first, closed, second = (part.strip() for part in re.split(r"(I ended .*\n)", done.stdout))
    assert "pretrained model?" in closed
    assert len(first) > 10
    assert len(second) > 10
    assert first != second


def test_bundled_models_do_the_tasks_they_can(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[bot]\ndata = "{ROOT / "data"}"\ndatabase = "{tmp_path / "chat.db"}"\n')
    notes = "The launch moved to Tuesday because the build is red. Ben orders the cake. The office smells of paint."
    lines = (
        "/sentiment I love learning about LLMs!",
        "/sentiment I hate this slow server.",
        f'/answer --text "{notes}" Who orders the cake?',
        f'/answer --text "{notes}" How old is the queen?',
        f"/summarise --length short {notes}",
        "/translate --to German Good morning",
    )
    done = subprocess.run(
        [sys.executable, "-m", "bot", "chat", "--config", str(config)],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if "KEY" not in name}, "HF_HUB_OFFLINE": "1"},
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert re.findall(r"^(positive|negative|neutral) ", done.stdout, re.MULTILINE)[::3] == ["positive", "negative"]
    assert "\n> Ben orders the cake.\n" in done.stdout
    assert "\n> The launch moved to Tuesday" in done.stdout
    assert NOT_FOUND in done.stdout
    assert "There is no model for /translate here." in done.stderr, "a small chat model is not asked for it"


async def test_the_reader_may_close_the_pipe(tmp_path: Path) -> None:
    async with FakeOpenAI(key="") as model:
        model.answer = lambda _body: Answer([f"{'word ' * 2_000}\n"] * 100)
        (tmp_path / "config.toml").write_text(
            f'[models.m]\nbackend = "openai"\nmodel = "test"\nbase_url = "{model.base_url}"\n'
        )
        command = f"echo hello | {sys.executable} -m bot chat | head -c 10"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
        child = await asyncio.create_subprocess_shell(
            command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(child.communicate(), 30)
    assert output == b"word word "
    assert b"Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_open_files_are_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=\n")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "config.toml").write_text(
        "[models.m]\nbackend = 'openai'\nmodel = 'm'\nbase_url = 'http://127.0.0.1:9'\n"
    )
    report = shoulders(tmp_path, "doctor")
    assert "-     permissions .env is open to other people of this machine. Close it: chmod 600 .env" in report.stdout
    assert "chmod 600 .env" in shoulders(tmp_path, "chat", "-v").stderr
