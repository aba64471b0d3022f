"""The command line: `shoulders chat`, `run`, `doctor`, `manifest`, `invite`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Never

import typer

from bot import __version__
from bot.config import Config, load
from bot.interfaces.errors import ConfigError, ShouldersError, StoreError
from bot.logs import plain, start_logging

UNUSABLE = 2
"""Exit status when the configuration, the environment or the database cannot be used."""

program = typer.Typer(
    name="shoulders",
    help="Pretrained models in your team's own chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration; without it ./config.toml, if there is one.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more in the log.")]


def fail(error: ShouldersError) -> Never:
    """One line on stderr; exit status 2 when the bot cannot run as it is configured, else 1."""
    print(f"shoulders: {plain(error.message)}", file=sys.stderr)
    raise SystemExit(UNUSABLE if isinstance(error, (ConfigError, StoreError)) else 1)


def say(line: str) -> None:
    """A line of the program's own for the person who started it."""
    print(plain(line), file=sys.stderr, flush=True)


def _config(path: Path | None) -> Config:
    from bot.app import check_task_preferences

    try:
        config = load(path, os.environ)
        check_task_preferences(config)
    except ConfigError as error:
        fail(error)
    return config


def _serve(work: Callable[[], object]) -> None:
    try:
        work()
    except ShouldersError as error:
        fail(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@program.callback(invoke_without_command=True)
def main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Pretrained models in your team's own chat."""
    if version:
        typer.echo(f"shoulders {__version__}")
        raise typer.Exit


@program.command()
def chat(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Talk in this terminal. Needs no token; without OPENAI_API_KEY a model on this machine answers."""
    from bot.app import run_console

    settings = _config(config)
    start_logging(settings.environment, logging.INFO if verbose else logging.ERROR)
    _serve(lambda: asyncio.run(run_console(settings, say)))


@program.command()
def run(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Serve every platform that has a token, until SIGTERM or Ctrl-C."""
    from bot.app import run_platforms

    settings = _config(config)
    start_logging(settings.environment, logging.DEBUG if verbose else logging.INFO)
    _serve(lambda: asyncio.run(run_platforms(settings, say)))


@program.command()
def doctor(config: ConfigOption = None) -> None:
    """Check configuration, tokens, database, models and versions: one line each."""
    from bot.doctor import examine

    raise SystemExit(asyncio.run(examine(_config(config))))


@program.command()
def manifest(
    platform: Annotated[str, typer.Argument(help="slack")],
    plain: Annotated[
        bool, typer.Option("--plain", help="Without Slack's agent surface: for guests, or any plan.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Print the app manifest to paste where Slack apps are made."""
    _print_setup(platform, _config(config), plain=plain)


@program.command()
def invite(platform: Annotated[str, typer.Argument(help="discord")], config: ConfigOption = None) -> None:
    """Print the link that invites the bot, with the permissions it needs."""
    _print_setup(platform, _config(config))


def _print_setup(platform: str, config: Config, *, plain: bool = False) -> None:
    from bot.app import setup_text

    try:
        print(setup_text(config, platform, plain=plain))
    except ConfigError as error:
        fail(error)


def main() -> None:
    """Entry point of the `shoulders` command."""
    program()


if __name__ == "__main__":
    main()
