"""All declarations of a project's defs folder, and what they say of each other.

Finds the files, and the mistakes that no single file shows: a name taken twice, inputs that do not exist, derived
tables in a circle, a file that nothing reads because of its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tilth.assets.attributes import Known
from tilth.assets.declaration import Parsed, parse_marked
from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.marked import Mistakes, mistake, text_of
from tilth.errors import DeclarationError

__all__ = ["Declarations", "read_defs"]

_FILES = ("defs.yaml", "defs.yml")  # the names dagster loads; of two in one folder, the first


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a defs folder declares; with mistakes, whatever could still be read."""

    tables: Mapping[str, TableDeclaration]
    derived: Mapping[str, DerivedDeclaration]
    mistakes: tuple[DeclarationError, ...]
    lines: Mapping[tuple[str, str], str]  # (table, key) → file:line

    def where(self, table: str, key: str) -> str:
        """The file and line of one key of one table, else of its declaration."""
        declared = self.tables.get(table) or self.derived.get(table)
        return self.lines.get((table, key), declared.where if declared else "")


def read_defs(defs: Path, *, base: Path, sources: Collection[str] | None = None, queries: bool = True) -> Declarations:
    """Read every declaration below `defs`; files are called by their path from `base`."""
    mistakes: Mistakes = []
    parsed: list[Parsed] = []
    if not defs.is_dir():
        mistakes.append(
            mistake("there is no such folder", where=_shown(defs, base), expected="a folder of defs.yaml files")
        )
    for path in _yaml_files(defs):
        shown = _shown(path, base)
        try:
            text = text_of(path, shown=shown)
        except DeclarationError as error:
            mistakes.append(error)
            continue
        if path.name not in _FILES or (path.name == _FILES[1] and path.with_name(_FILES[0]).exists()):
            mistakes += _unread(text, path.name, shown)
            continue
        known = Known(sources=sources, folder=path.parent, queries=queries)
        found, wrong = parse_marked(text, shown, known=known)
        parsed += found
        mistakes += wrong
    return _together(parsed, mistakes, queries)


def _together(parsed: Sequence[Parsed], mistakes: Mistakes, queries: bool) -> Declarations:
    names: dict[str, Parsed] = {}
    lines: dict[tuple[str, str], str] = {}
    for one in parsed:
        name = one.declared.name
        first = names.setdefault(name.lower(), one)
        if first is not one:
            got = f"also at {first.lines.get('name', first.declared.where)}"
            mistakes.append(mistake(f"table {name} is declared twice", where=one.lines.get("name", ""), got=got))
            continue
        lines |= {(name, key): where for key, where in one.lines.items()}
    declared = {one.declared.name: one.declared for one in names.values()}
    tables = {name: one for name, one in declared.items() if isinstance(one, TableDeclaration)}
    derived = {name: one for name, one in declared.items() if isinstance(one, DerivedDeclaration)}
    if queries:
        derived = {name: _with_inputs(one, list(declared), lines, mistakes) for name, one in derived.items()}
        mistakes += [_circle(circle, derived, lines) for circle in _circles(derived)]
    return Declarations(tables, derived, tuple(sorted(mistakes, key=_place)), lines)


def _place(error: DeclarationError) -> tuple[str, int]:
    file, _, line = error.where.rpartition(":")
    return (file, int(line)) if line.isdigit() else (error.where, 0)


def _with_inputs(
    one: DerivedDeclaration, names: Sequence[str], lines: Mapping[tuple[str, str], str], mistakes: Mistakes
) -> DerivedDeclaration:
    """`one` with its inputs spelled as declared (DuckDB takes any case)."""
    spelled = {name.lower(): name for name in names}
    for name in one.inputs:
        if name.lower() not in spelled:
            where = next((lines[one.name, key] for key in ("sql", "sql_file") if (one.name, key) in lines), one.where)
            what = f"{one.name} reads {name}, which no declaration makes"
            mistakes.append(mistake(what, where=where, got=name, known=[known for known in names if known != one.name]))
    return replace(one, inputs=tuple(spelled.get(name.lower(), name) for name in one.inputs))


def _circles(derived: Mapping[str, DerivedDeclaration]) -> Iterator[list[str]]:
    """Every circle of derived tables once, from the table of it that was met first."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield path[path.index(name) :]
        elif name not in done:
            for source in derived[name].inputs:
                if source in derived:
                    yield from visit(source, [*path, name])
            done.add(name)

    for name in derived:
        yield from visit(name, [])


def _circle(
    circle: Sequence[str], derived: Mapping[str, DerivedDeclaration], lines: Mapping[tuple[str, str], str]
) -> DeclarationError:
    way = " → ".join([*circle, circle[0]])
    where = lines.get((circle[0], "sql"), lines.get((circle[0], "sql_file"), derived[circle[0]].where))
    return mistake("derived tables read each other in a circle", where=where, got=way, expected="no way back to itself")


def _yaml_files(defs: Path) -> list[Path]:
    return sorted(path for path in defs.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())


def _unread(text: str, name: str, shown: str) -> Mistakes:
    """A declaration in a file that dagster passes over without a word."""
    keys = {line.partition(":")[0]: line for line in text.splitlines() if ":" in line}
    if "type" not in keys or not ("attributes" in keys or "tilth." in keys["type"]):
        return []
    what = "this declaration is never read: only files named defs.yaml are"
    folder = Path(shown).parent if name not in _FILES else Path(shown).parent / "another"
    target = folder / Path(name).stem / _FILES[0] if (folder / _FILES[0]).exists() else folder / _FILES[0]
    expected = "a folder of its own with a defs.yaml"
    return [DeclarationError(what, where=f"{shown}:1", expected=expected, got=name, next=f"mv {shown} {target}")]


def _shown(path: Path, base: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
