"""Where releases stand on disk, and what is wrong when they do not: reading only.

Beside the curated symlink lies `releases/`, with one folder a release: `<number>-<run>/` that holds the DuckDB file
under the symlink's own name, `manifest.json`, and `seal.json` (what the file looked like when it was sealed).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Generator
from pathlib import Path

from tilth.assets.publishing.manifest import Manifest
from tilth.errors import ReleaseError

__all__ = [
    "current_folder",
    "current_target",
    "folders",
    "keeping",
    "kept",
    "manifest_in",
    "name_of",
    "seal_in",
    "shelf",
    "slug",
]

_NAME = re.compile(r"(\d{6,})-.+")


def shelf(curated: Path) -> Path:
    """The folder that holds all releases of a curated file."""
    return curated.parent / "releases"


def name_of(number: int, run_id: str) -> str:
    """The folder name of a release."""
    return f"{number:06d}-{slug(run_id)}"


def slug(run_id: str) -> str:
    """A run id as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", run_id)[:64] or "run"


def folders(curated: Path) -> dict[int, Path]:
    """Every numbered release folder, complete or not, lowest number first."""
    if not shelf(curated).is_dir():
        return {}
    found = ((_NAME.fullmatch(folder.name), folder) for folder in shelf(curated).iterdir())
    return dict(sorted((int(match[1]), folder) for match, folder in found if match))


def current_target(curated: Path) -> Path | None:
    """Where the symlink leads, present or not; None when there is none."""
    if curated.is_symlink():
        return curated.parent / curated.readlink()
    if curated.exists():
        what = "the curated path is taken by something that Tilth did not publish"
        step = f"move {curated} away, then tilth run"
        raise ReleaseError(what, where=str(curated), expected="a symlink into releases/", next=step)
    return None


def current_folder(curated: Path) -> Path | None:
    """The folder of the release that readers see; None before the first publish."""
    target = current_target(curated)
    if target is None:
        return None
    where, step = str(curated), "tilth publish rollback"
    if target.parent.parent != shelf(curated) or not _NAME.fullmatch(target.parent.name):
        expected = f"a symlink into {shelf(curated)}"
        raise ReleaseError("it leads elsewhere", where=where, expected=expected, got=str(target), next=step)
    if not target.is_file():
        others = ", ".join(str(number) for number, folder in folders(curated).items() if folder != target.parent)
        kept = f"releases on disk: {others or 'none'}"
        raise ReleaseError("the current release is gone", where=where, got=f"no {target}", kept=kept, next=step)
    return target.parent


def manifest_in(folder: Path) -> Manifest:
    """The manifest of the release in `folder`."""
    path = folder / "manifest.json"
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        what, got = "the release has no manifest", error.strerror or str(error)
    except (KeyError, ValueError, TypeError) as error:
        what, got = "the release's manifest is damaged", repr(error)
    raise ReleaseError(what, where=str(path), got=got, next="tilth publish rollback")


def seal_in(folder: Path) -> dict[str, object] | None:
    """What the release's file looked like when it was sealed, if that is known."""
    try:
        return json.loads((folder / "seal.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def kept(curated: Path) -> str:
    """What stays as it is when a publish fails, in words."""
    try:
        folder = current_folder(curated)
        number = None if folder is None else manifest_in(folder).release
    except ReleaseError:
        return "the releases on disk stay as they are"
    return "nothing was published before" if number is None else f"release {number} stays published"


@contextlib.contextmanager
def keeping(curated: Path, what: str) -> Generator[None]:
    """Turn a full disk, or DuckDB's word for one, into a ReleaseError that says what stays published."""
    try:
        yield
    except Exception as error:
        import duckdb

        if not isinstance(error, OSError | duckdb.IOException | duckdb.OutOfMemoryException):
            raise
        got = (error.strerror if isinstance(error, OSError) else "") or str(error).splitlines()[0]
        folder = next((place for place in (shelf(curated), curated.parent) if place.exists()), None)
        free = f"{shutil.disk_usage(folder).free / 1e9:.1f} GB are free" if folder else "missing"
        step = f"look at space and rights of {folder or curated.parent} ({free}), then tilth run"
        raise ReleaseError(what, where=str(shelf(curated)), got=got, kept=kept(curated), next=step) from error
