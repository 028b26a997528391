"""The way in: `tilth`. Help and version are answered here, without importing anything heavy."""

from __future__ import annotations

import sys

from tilth.pipelines.cli.commands import help_text, tree

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in ([], ["--help"]):
        print(help_text(tree(), "tilth"))
        sys.exit(0)
    from tilth.pipelines.cli.root import run

    sys.exit(run(arguments))
