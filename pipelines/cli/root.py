"""The commands as click sees them: each is imported when it is called, and shown what it answers.

Typer reads a function's annotations; the groups are made from the table in `commands.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click
import typer
from typer.main import get_command

from tilth.pipelines.cli.answers import Answer, Here
from tilth.pipelines.cli.commands import Command, help_text, tree
from tilth.pipelines.cli.output import Terminal

__all__ = ["command_at", "run"]

USAGE, INTERRUPTED, PIPE_CLOSED = 2, 130, 141


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    asked = list(arguments)
    here = Here(json="--json" in asked, debug="--debug" in asked)
    with Terminal(as_json=here.json, debug=here.debug) as terminal:
        try:
            answer = _group(tree(), "tilth").main(asked, prog_name="tilth", standalone_mode=False, obj=here)
            return terminal.answer(answer) if isinstance(answer, Answer) else int(answer or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            print(error.format_message())
            return USAGE
        except click.UsageError as error:
            return terminal.usage(error.format_message(), error.ctx.command_path if error.ctx else "tilth", USAGE)
        except click.ClickException as error:
            return terminal.usage(error.format_message(), "tilth", USAGE)
        except (KeyboardInterrupt, click.Abort):
            return terminal.interrupted(INTERRUPTED)
        except BrokenPipeError:
            return terminal.broken_pipe(PIPE_CLOSED)
        except Exception as error:
            return terminal.complain(error)


def command_at(words: Sequence[str]) -> click.Command | None:
    """The command that the first words of a command line name; None when there is none."""
    found: click.Command | None = _group(tree(), "tilth")
    for word in words:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(click.Context(found), word)
    return found


class _Group(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def __init__(self, command: Command, path: str, **more: Any) -> None:
        super().__init__(name=command.name, help=command.help, **more)
        self.table, self.path = command, path

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        del ctx
        return [child.name for child in self.table.children]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        del ctx
        child = next((child for child in self.table.children if child.name == cmd_name), None)
        if child is None:
            return None
        return _group(child, f"{self.path} {cmd_name}") if child.children else _command(child)

    def get_help(self, ctx: click.Context) -> str:
        """The same help as without click."""
        del ctx
        return help_text(self.table, self.path)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with the near match of a mistyped name."""
        from tilth.assets.marked import near

        names = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in names:
            meant = near(args[0], names)
            hint = f"did you mean {meant}?" if meant else f"one of {', '.join(names)}"
            raise click.UsageError(f"there is no command {args[0]} ({hint})", ctx)
        return super().resolve_command(ctx, args)


def _group(command: Command, path: str) -> click.Group:
    if path != "tilth":
        return _Group(command, path, no_args_is_help=True)
    folder = click.Path(path_type=Path)
    options = [click.Option(["--project"], type=folder, metavar="DIR"), click.Option(["--debug"], is_flag=True)]
    options.append(click.Option(["--json"], is_flag=True, hidden=True))
    version = click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version)
    return _Group(command, path, params=[*options, version], callback=_begin)


def _begin(project: Path | None, debug: bool, json: bool) -> None:
    context = click.get_current_context()
    said = cast(Here, context.obj)
    context.obj = Here(project, said.json or json, said.debug or debug)


def _version(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(version("tilth"))
        context.exit()


def _command(command: Command) -> click.Command:
    module, _, name = command.target.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(command.name)(getattr(importlib.import_module(module), name))
    made = get_command(app)
    made.params.append(click.Option(["--json"], is_flag=True, expose_value=False, help="One JSON document on stdout."))
    made.params.append(
        click.Option(["--debug"], is_flag=True, expose_value=False, hidden=True, help="Show an error's traceback.")
    )
    return made
