"""What a person or a program gets to see: answers on stdout, errors on stderr, as words or as one JSON document.

With --json nothing else reaches stdout: whatever a library or a child process prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from tilth.errors import Busy, TilthError
from tilth.pipelines.cli.answers import Answer

__all__ = ["Terminal"]

FAILED, BUSY = 1, 4
_WIDE = 10_000  # columns of a file or a pipe: nothing is folded there, a line is a row or a message


class Terminal:
    """The streams of one command."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.as_json, self.debug = as_json, debug
        self._stdout: int | None = None

    def __enter__(self) -> Self:
        if self.as_json:
            sys.stdout.flush()
            self._stdout = os.dup(1)
            os.dup2(2, 1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        del kind, error, at
        if self._stdout is not None:
            sys.stdout.flush()
            os.dup2(self._stdout, 1)
            os.close(self._stdout)

    def answer(self, answer: Answer) -> int:
        """Show what a command found."""
        if self.as_json:
            self._document(answer.document)
        else:
            self._show(answer)
        for problem in answer.problems:
            print(*_lines(problem), sep="\n", file=sys.stderr)
            if self.debug and isinstance(problem, TilthError) and problem.__cause__:
                traceback.print_exception(problem, file=sys.stderr)
        return answer.exit

    def complain(self, error: Exception) -> int:
        """Show what went wrong: one message a problem, no traceback unless it was asked for."""
        problems = [*_problems(error)]
        for line in (line for problem in problems for line in _lines(problem)):
            print(line, file=sys.stderr)
        if self.debug:
            traceback.print_exception(error, file=sys.stderr)
        code = BUSY if any(isinstance(problem, Busy) for problem in problems) else FAILED
        if self.as_json:
            self._document(
                {"error": _facts(problems[0])["what"], "errors": [_facts(p) for p in problems], "exit": code}
            )
        return code

    def usage(self, message: str, command: str, code: int) -> int:
        """Show that the command was typed wrongly."""
        return self._short(message, f"{command} --help", code)

    def interrupted(self, code: int) -> int:
        """Show that it was stopped from the keyboard."""
        return self._short("interrupted; what was finished is kept", "the same command again goes on from there", code)

    def broken_pipe(self, code: int) -> int:
        """Whoever read the output went away: nothing to say, and nobody to say it to."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return code

    def _short(self, message: str, step: str, code: int) -> int:
        problem = TilthError(message, next=step)
        for line in _lines(problem):
            print(line, file=sys.stderr)
        if self.as_json:
            self._document({"error": message, "errors": [_facts(problem)], "exit": code})
        return code

    def _document(self, value: Any) -> None:
        text = json.dumps(value, default=_encode, ensure_ascii=False, indent=2, allow_nan=False)
        stream = self._stdout if self._stdout is not None else 1
        data = (text + "\n").encode("utf-8", "replace")
        while data:
            data = data[os.write(stream, data) :]

    def _show(self, answer: Answer) -> None:
        if isinstance(answer.view, str):
            print(answer.view, end="\n" if answer.view else "")
        else:
            from rich.console import Console

            terminal = sys.stdout.isatty()
            width = None if terminal or "COLUMNS" in os.environ else _WIDE
            Console(width=width, highlight=False).print(answer.view(), soft_wrap=not terminal)
        sys.stdout.flush()


def _problems(error: BaseException) -> Iterator[TilthError]:
    """The problems in an error, one by one; what is not one of ours is told by its type and place."""
    if isinstance(error, BaseExceptionGroup):
        for one in cast(Sequence[BaseException], error.exceptions):
            yield from _problems(one)
    elif isinstance(error, TilthError):
        yield error
    else:  # its words may hold anything, a password too: they are shown with --debug only
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        yield TilthError(f"unexpected {type(error).__name__}", where=where, next="the same command with --debug")


def _lines(problem: TilthError | str) -> list[str]:
    first, *rest = problem.splitlines() if isinstance(problem, str) else problem.lines()
    return [f"error: {first}", *rest]


def _facts(problem: TilthError) -> dict[str, str]:
    names = ("what", "where", "expected", "got", "kept", "next")
    return {"kind": type(problem).__name__, **{name: str(getattr(problem, name)) for name in names}}


def _encode(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
