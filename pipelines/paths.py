"""Whether the paths that `tilth.yaml` names can be what they are to be: looked at, never made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tilth.errors import DeclarationError
from tilth.pipelines.settings import PROJECT_FILE, Settings

__all__ = ["path_problems"]


def path_problems(settings: Settings) -> Iterator[DeclarationError]:
    """A file where a folder is to be, or something else where the curated file is to be."""
    for key, folder in (
        ("storage", settings.storage),
        ("curated", settings.curated.parent),
        ("dagster_home", settings.dagster_home),
    ):
        taken = next((place for place in (folder, *folder.parents) if place.exists()), folder)
        if taken.exists() and not taken.is_dir():
            yield _wrong(key, f"{key} needs a folder, and there is a file", "a folder, or a path that is free", taken)
    curated = settings.curated
    if curated.exists() and not curated.is_symlink():
        what = "the curated path is taken by something that Tilth did not publish"
        yield _wrong("curated", what, "a symlink into releases/, or nothing", curated)


def _wrong(key: str, what: str, expected: str, got: Path) -> DeclarationError:
    step = f"move {got} away, or correct `{key}:` in {PROJECT_FILE}, then tilth check"
    return DeclarationError(what, where=f"{PROJECT_FILE}, {key}", expected=expected, got=str(got), next=step)
