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
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tilth.assets.marked import mistake, near
from tilth.errors import ContractError, DeclarationError, TilthError

__all__ = ["contract_class", "named", "placed", "shown_place", "written"]

_Kind = TypeVar("_Kind")
_PATH = re.compile(r"^\w+(\.\w+)+$")
_NAMED = re.compile(r"^([^:]+\.py):([0-9]+): (.*)$")


def contract_class(path: str, *, code: Path, where: str) -> type:
    """The class that `path` names; an error with the near match when there is none or its module is broken."""
    return _found(path, code, where, (type,))


def named(path: str, *, code: Path, where: str) -> object:
    """The class that `path` names, or its `pa.DataFrameSchema`: an object that is a contract as well."""
    from pandera.api.polars.container import DataFrameSchema

    return _found(path, code, where, (type, DataFrameSchema))


def _found(path: str, code: Path, where: str, kinds: tuple[type[_Kind], ...]) -> _Kind:
    if not _PATH.match(path):
        meant = re.sub(r"^\./|\.py(?=[.:/])", "", path).replace("/", ".").replace(":", ".")
        expected = f"{meant}, perhaps" if _PATH.match(meant) else "module.Class, like contracts.Customer"
        raise DeclarationError("this names no class", where=where, expected=expected, got=path, next="tilth check")
    module_name, _, class_name = path.rpartition(".")
    module = _module(module_name, code, where)
    found = getattr(module, class_name, None)
    if isinstance(found, kinds):
        return found
    what = f"{module_name} has no class {class_name}" if found is None else f"{path} is not a class"
    raise mistake(what, where=where, got=class_name, known=_classes(module))


def placed(error: ContractError, model: object, *, code: Path, step: str = "tilth check") -> ContractError:
    """An error in a contract with its file and line before class and field, and the next step unless it names one."""
    facts = {"expected": error.expected, "got": error.got, "kept": error.kept, "next": _step(error, step)}
    return ContractError(error.what, where=shown_place(error.where, model, code=code), **facts)


def _step(error: TilthError, step: str) -> str:
    return step if error.next in ("", ContractError.usual) else error.next


def shown_place(where: str, model: object, *, code: Path) -> str:
    """`Class.field` with file and line before it, the file as seen from the code folder."""
    at_line = _NAMED.match(where)
    class_name, _, field = (at_line[3] if at_line else where).partition(".")
    shown = f"{class_name}.{field}" if field else class_name
    if at_line is None:
        at = written(model, field, code=code) or written(model, "", code=code)
        return f"{at}: {shown}" if at else where
    files = (getattr(sys.modules.get(base.__module__), "__file__", None) for base in _bases(model))
    file = next((Path(file) for file in files if file and Path(file).name == at_line[1]), None)
    return f"{_seen(file, code)}:{at_line[2]}: {shown}" if file else where


def _bases(model: object) -> tuple[type, ...]:
    return inspect.getmro(model) if isinstance(model, type) else ()


def _seen(file: Path, code: Path) -> Path:
    return file.relative_to(code) if file.is_relative_to(code) else Path(file.name)


def written(model: object, name: str, *, code: Path, place: int | None = None) -> str | None:
    """File and line where a contract says what `name` is: a field, a check, its `rules` (one of them: `place`).

    Without a name, or for one that is written nowhere, the class itself; None when there is no file to look at.
    """
    for base in _bases(model) if name else _bases(model)[:1]:
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        line = _line_of(Path(file), base.__name__, name, place) if file else None
        if file and line is not None:
            return f"{_seen(Path(file), code)}:{line}"
    return None


def _line_of(file: Path, class_name: str, name: str, place: int | None) -> int | None:
    """Where the class, or what it says itself of `name`, is written."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return next((_line(one, place) for one in node.body if name in _said(one)), None) if name else node.lineno
    return None


def _said(node: ast.stmt) -> list[str]:
    """The names that a statement of a class gives something to."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _line(node: ast.stmt, place: int | None) -> int:
    """The line of a statement, or of one member of the tuple that it assigns."""
    value = getattr(node, "value", None)
    if place is not None and isinstance(value, ast.Tuple | ast.List) and place < len(value.elts):
        return value.elts[place].lineno
    return node.lineno


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
        facts = {"expected": error.expected, "got": error.got, "next": _step(error, "tilth check")}
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
