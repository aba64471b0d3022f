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
"""The exit status if the configuration, the environment or the database cannot be used."""

program = typer.Typer(
    name="shoulders",
    help="Pretrained models in your team's own chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration file. Default: ./config.toml, if it exists.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Write a more detailed log.")]


def fail(error: ShouldersError) -> Never:
    """Print the error's message to stderr and exit: with UNUSABLE if the bot cannot run as configured, else with 1."""
    print(f"shoulders: {plain(error.message)}", file=sys.stderr)
    raise SystemExit(UNUSABLE if isinstance(error, (ConfigError, StoreError)) else 1)


def report(line: str) -> None:
    """Print a line to stderr for the person who started the program."""
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
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Pretrained models in your team's own chat."""
    if version:
        typer.echo(f"shoulders {__version__}")
        raise typer.Exit


@program.command()
def chat(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Chat in this terminal. It needs no token; without OPENAI_API_KEY a model on this machine answers."""
    from bot.app import run_console

    settings = _config(config)
    start_logging(settings.environment, logging.INFO if verbose else logging.ERROR)
    _serve(lambda: asyncio.run(run_console(settings, report)))


@program.command()
def run(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Serve every platform that has a token, until SIGTERM or Ctrl-C."""
    from bot.app import run_platforms

    settings = _config(config)
    start_logging(settings.environment, logging.DEBUG if verbose else logging.INFO)
    _serve(lambda: asyncio.run(run_platforms(settings, report)))


@program.command()
def doctor(config: ConfigOption = None) -> None:
    """Check versions, configuration, database, models and platforms, and print a line for each."""
    from bot.doctor import examine

    raise SystemExit(asyncio.run(examine(_config(config))))


@program.command()
def manifest(
    platform: Annotated[str, typer.Argument(help="The platform: slack.")],
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="Leave out Slack's agent surface: for workspaces with guests, or plans without it."
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Print the app manifest to paste at https://api.slack.com/apps."""
    _print_setup(platform, _config(config), plain=plain)


@program.command()
def invite(
    platform: Annotated[str, typer.Argument(help="The platform: discord.")], config: ConfigOption = None
) -> None:
    """Print the link that adds the bot to a server, with the permissions that it needs."""
    _print_setup(platform, _config(config))


def _print_setup(platform: str, config: Config, *, plain: bool = False) -> None:
    from bot.app import setup_text

    try:
        print(setup_text(config, platform, plain=plain))
    except ConfigError as error:
        fail(error)


def main() -> None:
    """Run the `shoulders` command."""
    program()


if __name__ == "__main__":
    main()
