"""The draft of a table: what a source says of an object, as a declaration and a contract for a person to finish."""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass

from tilth.connectors.protocol import ObjectInfo
from tilth.errors import DeclarationError
from tilth.pipelines.settings import Settings

__all__ = ["Draft", "annotation", "write_draft"]

_CHANGED = ("updated_at", "modified_at", "changed_at", "last_modified", "write_date", "updated", "modified")
_IMPORTS = {
    "Contract": "from tilth.schemas.contract import Contract, field",
    "pl": "import polars as pl",
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
}
_MODULE = '"""What ready data is: one class a table."""\n'


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written, and what is left to a person."""

    files: tuple[str, ...]
    notes: tuple[str, ...]


def write_draft(settings: Settings, name: str, source: str, info: ObjectInfo) -> Draft:
    """Write the declaration, and add the class to contracts.py; files that exist are never written over."""
    declaration = settings.defs / name / "defs.yaml"
    contracts = settings.code / "contracts.py"
    if declaration.exists():
        where = str(declaration.relative_to(settings.folder))
        raise DeclarationError("this file exists", where=where, next="tilth new table OTHER …")
    text = contracts.read_text("utf-8") if contracts.exists() else _MODULE
    class_name = _class_name(name, text)
    body = _class(class_name, source, info)
    with_class = f"{_with_imports(text, body)}\n\n{body}"
    declaration.parent.mkdir(parents=True, exist_ok=True)
    declaration.write_text(_declaration(name, class_name, source, info), "utf-8")
    contracts.write_text(with_class, "utf-8")
    files = tuple(str(path.relative_to(settings.folder)) for path in (declaration, contracts))
    return Draft(files, tuple(_notes(info)))


def annotation(kind: str) -> str:
    """The contract's type for a source's type."""
    text = kind.lower()
    number = re.match(r"(?:numeric|decimal)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", text)
    if number:
        return f"pl.Decimal({number[1]}, {number[2] or 0})"
    for pattern, meant in (
        (r"bool", "bool"),
        (r"tinyint\(1\)", "bool"),
        (r"interval|json|uuid|char|text|clob", "str"),
        (r"(big|small|tiny|medium)?(int|serial)", "int"),
        (r"timestamp|datetime", "datetime"),
        (r"date", "date"),
        (r"float|double|real", "float"),
        (r"numeric|decimal|money", "pl.Decimal(38, 6)"),
    ):
        if re.match(pattern, text):
            return meant
    return "str"


def _declaration(name: str, class_name: str, source: str, info: ObjectInfo) -> str:
    cursor = _cursor(info)
    lines = ["type: tilth.assets.Table", "attributes:", f"  name: {name}", f"  contract: contracts.{class_name}"]
    lines += [f"  source: {source}", f"  object: {_quoted(info.name)}"]
    lines += [f"  cursor: {_quoted(cursor)}"] if cursor else []
    lines += ["  format: {kind: delimited}   # or fixed_width, excel"] if not info.columns else []
    lines += [f"  load: {'merge' if info.key or not info.columns else 'replace'}"]
    lines += ["  # owner: team:NAME", "  # freshness: {max_age: 26h}", "  # toxic: {max_share: 0.02, min_rows: 20}"]
    return "\n".join(lines) + "\n"


def _class(class_name: str, source: str, info: ObjectInfo) -> str:
    lines = [f"class {class_name}(Contract):", f'    """{info.name} of {source}: say here what one record is."""', ""]
    columns = info.columns or (("id", "text"),)
    key = info.key or (() if info.columns else ("id",))
    taken: set[str] = set()
    for column, kind in columns:
        name = _identifier(column, taken)
        arguments = ["key=True"] if column in key else ["nullable=True"]
        arguments += [f"source={column!r}".replace("'", '"')] if name != column else []
        lines.append(f"    {name}: {annotation(kind)} = field({', '.join(arguments)})")
    return "\n".join(lines) + "\n"


def _with_imports(text: str, body: str) -> str:
    """`text` with the imports that `body` needs, after those it has."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"contracts.py:{error.lineno}"
        raise DeclarationError("contracts.py is not valid Python", where=where, got=str(error.msg)) from error
    imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imported for alias in node.names}
    needed = [line for name, line in _IMPORTS.items() if name not in names and re.search(rf"\b{name}\b", body)]
    if "Contract" in names and "field" not in names:
        needed.append("from tilth.schemas.contract import field")
    after = max((node.end_lineno or 0 for node in imported), default=1 if ast.get_docstring(tree) else 0)
    if not imported and tree.body and ast.get_docstring(tree):
        after = tree.body[0].end_lineno or 1
    lines = text.rstrip().splitlines()
    gap = [""] if needed and not imported and lines else []
    return "\n".join([*lines[:after], *gap, *needed, *lines[after:]]) + "\n"


def _class_name(name: str, text: str) -> str:
    base = "".join(part.capitalize() for part in re.split(r"_+", name) if part)
    singular = base[:-3] + "y" if base.endswith("ies") else base[:-1] if re.search(r"[^s]s$", base) else base
    taken = set(re.findall(r"^class (\w+)", text, re.MULTILINE))
    return next(word for word in (singular, base, *(f"{base}{n}" for n in range(2, 1000))) if word not in taken)


def _identifier(column: str, taken: set[str]) -> str:
    """The column's name as Python takes it: lower case, no spaces, not twice."""
    name = re.sub(r"\W+", "_", column).strip("_").lower() if not column.isidentifier() else column.lstrip("_")
    name = f"c_{name}" if not name or not name.isidentifier() else name
    name = f"{name}_" if keyword.iskeyword(name) or name in ("Config", "schema", "validate") else name
    while name in taken:
        name += "_2"
    taken.add(name)
    return name


def _cursor(info: ObjectInfo) -> str | None:
    """The column that tells when a record changed, if its name says so; it needs a key."""
    kinds = {column.lower(): (column, annotation(kind)) for column, kind in info.columns}
    found = (kinds[name][0] for name in _CHANGED if name in kinds and kinds[name][1] == "datetime")
    return next(found, None) if info.key else None


def _notes(info: ObjectInfo) -> list[str]:
    notes = ["in the contract: which columns may be missing, what range they have, what they mean"]
    if not info.columns:
        notes.insert(0, "in the contract: the columns of the files; in the declaration: their format")
    elif not info.key:
        notes.insert(0, "the source names no key: without one every pull replaces the table (load: replace)")
    return notes


def _quoted(text: str) -> str:
    return (
        text if re.fullmatch(r"[A-Za-z_][\w.]*", text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
