"""A reader who follows a page: runs each block where the page left off, and compares what is shown with what comes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from pages import ROOT, Block

from tilth.assets.declaration import parse
from tilth.connectors.registry import connector, kinds

__all__ = ["Reader", "shown"]

SHELL = ("sh", "bash")
QUIET = ("", "text", "mermaid")  # what is only looked at
FILES = ("csv", "ini", "python", "sql", "text", "yaml")
_SECONDS = 300


class Reader:
    """One reader of one page, in an empty folder of their own."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TILTH_", "DAGSTER_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self.environment = {**kept, "PATH": path, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": ""}

    def take(self, block: Block) -> None:
        """Do what a block says."""
        if block.how == "skip":
            assert block.what, f"{block.where}: why is this skipped?"
        elif block.how in ("file", "append"):
            self._write(block)
        elif block.how == "clone":
            self._in_a_clone(block)
        elif block.language in SHELL:
            self._sh(block, block.text)
        elif block.language == "console":
            self._console(block)
        elif block.language == "python":
            self._ends(block, [sys.executable, "-c", block.text])
        elif block.language == "sql":
            self._sql(block)
        elif block.language == "yaml":
            self._declares(block)
        else:
            assert block.language in QUIET, f"{block.where}: nobody knows how to take {block.language}"

    def _write(self, block: Block) -> None:
        assert block.language in FILES, f"{block.where}: a file of what?"
        path = self.folder / block.what
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text("utf-8") + "\n" if block.how == "append" else ""
        path.write_text(before + block.text, encoding="utf-8")

    def _sh(self, block: Block, text: str) -> str:
        """Run `text`; the next block goes on in the folder where it ends."""
        there = self.home / ".folder"
        script = f"trap 'pwd > \"{there}\"' EXIT\nset -e\n{text}"
        output = self._ends(block, ["bash", "-c", script])
        self.folder = Path(there.read_text("utf-8").strip())
        return output

    def _ends(self, block: Block, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        expected = int(block.what) if block.how == "exit" else 0
        told = f"{block.where} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expected, told
        return done.stdout + done.stderr

    def _console(self, block: Block) -> None:
        """`$ command`, and what it prints: those lines come, in that order; `…` stands for anything."""
        command, expected = "", list[str]()
        for line in [*block.text.splitlines(), "$ "]:
            if not line.startswith("$ "):
                expected.append(line)
                continue
            if command:
                output = self._sh(block, command)
                missing = shown(expected, output)
                assert not missing, f"{block.where}: {command} does not print\n{missing}\nbut\n{output}"
            command, expected = line.removeprefix("$ "), []

    def _sql(self, block: Block) -> None:
        import duckdb

        with duckdb.connect(str(self.folder / "data/curated.duckdb"), read_only=True) as con:
            for statement in duckdb.extract_statements(block.text):
                con.execute(statement).fetchall()

    def _declares(self, block: Block) -> None:
        """Declarations without a mistake, or connections that can be built, or keys of a known file."""
        documents = [document for document in yaml.safe_load_all(block.text) if document]
        for document in documents:
            if "type" in document:
                _, mistakes = parse(yaml.safe_dump(document), block.where)
                assert not mistakes, "\n".join(map(str, mistakes))
            elif all(isinstance(value, dict) and "kind" in value for value in document.values()):
                for name, settings in document.items():
                    self._connects(name, dict(settings), block)
            else:
                raise AssertionError(f"{block.where}: neither a declaration nor connections; say which file it is")

    def _connects(self, name: str, settings: dict[str, Any], block: Block) -> None:
        kind = settings.pop("kind")
        assert kind in kinds(), block.where
        connector(kind, name, self._known(settings), base=self.folder)

    def _known(self, value: Any) -> Any:
        """The same settings, with every reference leading to a file of this folder."""
        if isinstance(value, dict):
            return {key: self._known(one) for key, one in value.items()}
        if not isinstance(value, str) or not value.startswith(("env:", "file:")):
            return value
        path = self.folder / value.partition(":")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("sqlite:///x.db", encoding="utf-8")
        return f"file:{path.relative_to(self.folder)}"

    def _in_a_clone(self, block: Block) -> None:
        """Run where a reader has just cloned the repository, its environment already set up."""
        clone = self.home / "clone"
        left_out = (".git", ".venv", ".dev", "data", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True)
        environment = clone / ".venv"
        environment.mkdir(exist_ok=True)
        for entry in Path(sys.executable).parents[1].iterdir():
            if not (environment / entry.name).exists():
                (environment / entry.name).symlink_to(entry)
        (environment / "ready").unlink(missing_ok=True)  # of this copy, not of the one it was made from
        (environment / "ready").touch()
        before, self.folder = self.folder, clone
        try:
            self._sh(block, block.text)
        finally:
            self.folder = before


def shown(expected: list[str], output: str) -> str:
    """The first expected line that the output does not have, after those before it; empty when it has them all."""
    rest = output
    for line in (line.strip() for line in expected if line.strip()):
        parts = [r"\s+".join(map(re.escape, part.split())) for part in re.split("…", line)]
        found = re.search(r"[^\n]*?".join(parts), rest)
        if found is None:
            return line
        rest = rest[found.end() :]
    return ""
