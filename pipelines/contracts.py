"""From `module.Class` in a declaration to the class: the project's code folder first, else any installed package.

A project's modules are imported under a name of their own, so that two projects never clash and none shadows an
installed package. They import each other relatively (`from .common import …`).
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from tilth.assets.marked import mistake, near
from tilth.errors import ContractError, DeclarationError, TilthError

__all__ = ["contract_class", "placed", "shown_place"]

_NAMED = re.compile(r"^([^:]+\.py):([0-9]+): (.*)$")


def contract_class(path: str, *, code: Path, where: str) -> type:
    """The class that `path` names; an error with the near match when there is none or its module is broken."""
    module_name, _, class_name = path.rpartition(".")
    module = _module(module_name, code, where)
    found = getattr(module, class_name, None)
    if isinstance(found, type):
        return found
    what = f"{module_name} has no class {class_name}" if found is None else f"{path} is not a class"
    raise mistake(what, where=where, got=class_name, known=_classes(module))


def placed(error: ContractError, model: type, *, code: Path) -> ContractError:
    """An error in a contract with its file and line before class and field."""
    facts = {"expected": error.expected, "got": error.got, "kept": error.kept, "next": error.next or "tilth check"}
    return ContractError(error.what, where=shown_place(error.where, model, code=code), **facts)


def shown_place(where: str, model: type, *, code: Path) -> str:
    """`Class.field` with file and line before it, the file as seen from the code folder."""
    named = _NAMED.match(where)
    class_name, _, field = (named[3] if named else where).partition(".")
    for base, wanted in [*((base, field) for base in inspect.getmro(model)), (model, "")]:
        found = getattr(sys.modules.get(base.__module__), "__file__", None)
        file = Path(found) if found else None
        if file is None or (named and file.name != named[1]):
            continue
        line = int(named[2]) if named else _line_of(file, base.__name__, wanted)
        if line is not None:
            shown = file.relative_to(code) if file.is_relative_to(code) else Path(file.name)
            return f"{shown}:{line}: {class_name}" + (f".{field}" if field else "")
    return where


def _line_of(file: Path, class_name: str, name: str) -> int | None:
    """Where the class's field or method is written; without a name, the class."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return next(_lines(node.body, name), None) if name else node.lineno
    return None


def _lines(body: Sequence[ast.stmt], name: str) -> Iterator[int]:
    for one in body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id == name:
            yield one.lineno
        if isinstance(one, ast.FunctionDef) and one.name == name:
            yield one.lineno


def _module(name: str, code: Path, where: str) -> ModuleType:
    top = name.split(".")[0]
    if _own(code, top):
        name = f"{_room(code, top)}.{name}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (f"{name}.".startswith(f"{error.name}.")):
            raise _broken(error, name, code, where) from error
        raise _missing(name.removeprefix(f"{_room_prefix(name)}"), code, where) from error
    except Exception as error:
        raise _broken(error, name, code, where) from error


def _own(code: Path, top: str) -> bool:
    return (code / f"{top}.py").is_file() or (code / top / "__init__.py").is_file()


def _room(code: Path, top: str) -> str:
    """A package that is nothing but the code folder; named by its files' times, so that an edit is seen."""
    files = [code / f"{top}.py"] if (code / f"{top}.py").is_file() else sorted((code / top).rglob("*.py"))
    stamps = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    name = "tilth_project_" + hashlib.sha256(repr((str(code.resolve()), stamps)).encode()).hexdigest()[:16]
    if name not in sys.modules:
        room = ModuleType(name, "The contracts of one project.")
        room.__path__ = [str(code)]
        sys.modules[name] = room
        importlib.invalidate_caches()
    return name


def _room_prefix(name: str) -> str:
    top = name.split(".")[0]
    return f"{top}." if top.startswith("tilth_project_") else ""


def _missing(name: str, code: Path, where: str) -> DeclarationError:
    files = {file.stem for file in code.glob("*.py")} | {file.parent.name for file in code.glob("*/__init__.py")}
    meant = near(name.split(".")[0], files)
    expected = f"{meant}, perhaps" if meant else f"{name.split('.')[0]}.py in {code.name}/, or an installed module"
    return DeclarationError(f"there is no module {name}", where=where, expected=expected, got=name, next="tilth check")


def _broken(error: Exception, name: str, code: Path, where: str) -> TilthError:
    """What went wrong while the module was imported, at the project's own line where there is one."""
    shown = name.removeprefix(_room_prefix(name))
    place = where
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(code):
            place = f"{Path(frame.filename).relative_to(code)}:{frame.lineno}"
    if isinstance(error, TilthError):
        facts = {"expected": error.expected, "got": error.got, "next": error.next or "tilth check"}
        at = place if error.where == "field()" else f"{place}: {error.where}" if error.where else place
        return type(error)(error.what, where=at, **facts)
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename)
        place = f"{file.relative_to(code) if file.is_relative_to(code) else file}:{error.lineno}"
    got = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    expected = ""
    if isinstance(error, ModuleNotFoundError) and error.name and _own(code, error.name.split(".")[0]):
        expected = f"from .{error.name} import … (modules of a project import each other relatively)"
    what = f"the module {shown} cannot be imported"
    return ContractError(what, where=place, expected=expected, got=got, next="tilth check")


def _classes(module: ModuleType) -> list[str]:
    names: Mapping[str, object] = vars(module)
    own = [name for name, value in names.items() if isinstance(value, type) and value.__module__ == module.__name__]
    return own or [name for name, value in names.items() if isinstance(value, type)]
