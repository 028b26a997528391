"""What every command has in common: help with an example, one JSON document, errors that say the next step."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tilth.pipelines.cli.commands import Command, tree
from tilth.pipelines.cli.root import command_at, run

Tilth = Callable[..., Any]


def commands(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    for child in command.children:
        words = (*path, child.name)
        yield from commands(child, words) if child.children else iter([words])


@pytest.mark.parametrize("words", list(commands(tree())), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    said = capfd.readouterr().out
    assert "Example: tilth " in said
    assert "--json" in said


@pytest.mark.parametrize("words", list(commands(tree())), ids=" ".join)
def test_every_example_can_be_typed(words: tuple[str, ...]) -> None:
    command = command_at(words)
    assert command is not None
    text = (command.help or "").partition("Example: ")[2]
    lines = [part.strip() for line in text.splitlines() for part in line.split("&&") if part.strip()]
    assert lines
    for line in lines:
        typed = shlex.split(line)
        path = words if tuple(typed[1 : len(words) + 1]) == words else words[1:]  # `publish verify` is `verify`
        assert tuple(typed[: len(path) + 1]) == ("tilth", *path)
        command.make_context(words[-1], typed[len(path) + 1 :])  # raises what the person would be told


def test_help_names_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['tilth', '--help']\ntry:\n import tilth.pipelines.cli.main as m; m.main()\n"
    code += "except SystemExit as end: print(end.code, {'click', 'typer', 'rich', 'yaml', 'polars'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert all(f"  {child.name} " in done.stdout for child in tree().children)
    assert done.stdout.splitlines()[-1] == "0 set()"


def test_status_imports_nothing_heavy(company: Any) -> None:
    code = f"import sys; sys.argv = ['tilth', '--project', {str(company.folder)!r}, 'status', '--json']\n"
    code += "try:\n import tilth.pipelines.cli.main as m; m.main()\nexcept SystemExit: pass\n"
    code += "print({'dagster', 'polars', 'pandera', 'duckdb', 'sqlalchemy', 'pyarrow', 'rich'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("statu",), 2, "did you mean status?"),
        (("publish", "lst"), 2, "did you mean list?"),
        (("status", "--jsn"), 2, "--jsn"),
        (("publish", "accept", "a"), 2, "--why"),
        (("run", "orders"), 2, "--select orders"),
        (("status",), 1, "no project here"),
        (("--project", "nowhere", "status"), 1, "no such folder"),
    ],
)
def test_what_is_typed_wrongly_is_told(
    arguments: tuple[str, ...], code: int, told: str, tilth: Tilth, tmp_path: Path
) -> None:
    said = tilth(*arguments, cwd=tmp_path)
    assert said.code == code
    assert said.err.startswith("error: ")
    assert told in said.err
    assert "  next: " in said.err
    assert "Traceback" not in said.err
    told_as_json = tilth(*arguments, "--json", cwd=tmp_path)
    assert told_as_json.code == code
    assert told_as_json.json["errors"][0]["what"]


def test_a_group_without_a_command_shows_its_help(tilth: Tilth, tmp_path: Path) -> None:
    said = tilth("publish", cwd=tmp_path)
    assert said.code == 2
    assert "rollback" in said.out


def test_every_mistake_is_one_error_and_json_has_them_all(company: Any, tilth: Tilth) -> None:
    company.write("connections.yaml", "shop: {kind: sqlit, path: shop.db}\nbooks: {kind: sqlite, path: books.db}\n")
    company.write("defs/more/defs.yaml", "type: tilth.assets.Table\nattributes: {nam: more, toxic: {max_share: 9}}\n")
    said = tilth("check", cwd=company.folder)
    assert said.code == 1
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert any("connections.yaml:1: " in line and "sqlite" in line for line in errors)
    assert any("defs/more/defs.yaml:2: " in line and "name, perhaps" in line for line in errors)
    found = tilth("check", "--json", cwd=company.folder)
    assert found.code == 1
    assert [f"{one['where']}" for one in found.json["problems"]] == [line.split(": ")[1] for line in errors]
    refused = tilth("run", "--json", cwd=company.folder)
    assert refused.code == 1
    assert len(refused.json["errors"]) > 1


def test_check_sees_contracts_references_and_sources(company: Any, tilth: Tilth) -> None:
    contracts = (company.folder / "contracts.py").read_text("utf-8")
    company.write("contracts.py", contracts.replace("customers.customer_id", "custmers.customer_id"))
    defs = (company.folder / "defs/sales/defs.yaml").read_text("utf-8")
    company.write("defs/sales/defs.yaml", defs + "  version: amuont\n  deletes: {column: gone}\n")
    company.down("shop")
    said = tilth("check", cwd=company.folder)
    assert said.code == 1
    for told in ("customers, perhaps", "amount, perhaps", "gone", "source shop", "defs/sales/defs.yaml:6"):
        assert told in said.err, said.err
    company.back("shop")
    company.write("contracts.py", contracts.replace("class Customer(", "class Custmer("))
    said = tilth("check", "--offline", cwd=company.folder)
    assert "Custmer, perhaps" in said.err
    assert "gone" not in said.err


def test_check_sees_a_reference_between_two_types(company: Any, tilth: Tilth) -> None:
    contracts = (company.folder / "contracts.py").read_text("utf-8")
    text = contracts.replace('customer_id: int = field(source="customer"', 'customer_id: str = field(source="customer"')
    company.write("contracts.py", text)
    said = tilth("check", "--offline", cwd=company.folder)
    assert said.code == 1
    assert "Sale.customer_id is text, and what it refers to, customers.customer_id, is a number" in said.err


def test_debug_shows_where_it_went_wrong(tilth: Tilth, tmp_path: Path) -> None:
    said = tilth("--debug", "status", cwd=tmp_path)
    assert said.code == 1
    assert "Traceback" in said.err


def test_whoever_stops_reading_causes_no_error(company: Any) -> None:
    line = f"{sys.executable} -m tilth.pipelines.cli status | true"
    done = subprocess.run(["bash", "-c", line], cwd=company.folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_json_is_all_there_is_on_stdout(company: Any, tilth: Tilth) -> None:
    company.write("contracts.py", "print('noise on stdout')\nimport os\nos.system('echo noise of a child')\n")
    said = tilth("check", "--json", cwd=company.folder)
    assert json.loads(said.out)["ok"] is False
    assert "noise on stdout" in said.err
    assert "noise of a child" in said.err


def test_run_refuses_what_check_refuses_with_the_same_words(company: Any, tilth: Tilth) -> None:
    contracts = (company.folder / "contracts.py").read_text("utf-8")
    company.write("contracts.py", contracts.replace("customers.customer_id", "custmers.customer_id"))
    defs = (company.folder / "defs/sales/defs.yaml").read_text("utf-8")
    company.write("defs/sales/defs.yaml", defs + "  version: amuont\n")
    checked, ran = tilth("check", cwd=company.folder), tilth("run", cwd=company.folder)
    assert (checked.code, ran.code) == (1, 1)
    assert sorted(checked.err.splitlines()) == sorted(ran.err.splitlines())
    assert ran.err.count("error: ") == 2
    assert not (company.folder / "data/curated.duckdb").exists()
