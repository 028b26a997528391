"""A page of the documentation as the steps a reader takes: its code blocks in order, and what is said about them.

Comments that a reader does not see say how a block is taken (docs/README is not needed to write a page: these are all):

    <!-- file: PATH -->      the block below is written to PATH       <!-- append: PATH -->  … is added to its end
    <!-- exit: 3 -->         the command below ends so                <!-- skip: WHY -->     … is not run, and why
    <!-- clone -->           the block below is run in a copy of the repository
    <!-- run … -->           commands of the test alone: what the page takes for granted
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

__all__ = ["PAGES", "ROOT", "Block", "blocks"]

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_DIRECTIVE = re.compile(r"<!--\s*(file|append|exit|skip|clone|run)\b:?\s*(.*?)\s*-->", re.DOTALL)
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)\s*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One code block, or the hidden commands of a `run` comment."""

    language: str
    text: str
    where: str  # page:line
    how: str = ""  # file, append, exit, skip, clone, run
    what: str = ""


def blocks(page: Path) -> list[Block]:
    """Every block of a page, in order."""
    text = page.read_text("utf-8")
    found: list[tuple[int, Block]] = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip()
        said = [*_DIRECTIVE.finditer(before)]
        near = said[-1] if said and said[-1].end() == len(before) and said[-1][1] != "run" else None
        how, what = (near[1], near[2]) if near else ("", "")
        found.append((match.start(), Block(match["language"], dedent(match["text"]), _where(page, match), how, what)))
    hidden = [match for match in _DIRECTIVE.finditer(text) if match[1] == "run"]
    found += [(match.start(), Block("sh", match[2] + "\n", _where(page, match), "run")) for match in hidden]
    return [block for _, block in sorted(found, key=lambda pair: pair[0])]


def _where(page: Path, match: re.Match[str]) -> str:
    line = match.string.count("\n", 0, match.start()) + 1
    return f"{page.relative_to(ROOT)}:{line}"
