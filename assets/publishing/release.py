"""Releases of the curated file: clone, seal, switch, collect.

`curated.duckdb` is a symlink into `releases/<number>-<run>/`; replacing that symlink is the commit of a publish.
A release is sealed (synced, read-only, its manifest beside it) before it can become current, and never written
again. Nothing here knows what is inside the file, nor of the state database.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tilth.assets.publishing import outside, shelf
from tilth.assets.publishing.durable import remove_folder, remove_tree, sync, write_text
from tilth.assets.publishing.engine import create
from tilth.assets.publishing.manifest import Manifest
from tilth.errors import ReleaseError

__all__ = ["Collected", "Draft", "Release", "Releases"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A release being built: a writable copy of the current one (`previous`), or a fresh file."""

    folder: Path
    path: Path
    run_id: str
    previous: Manifest | None


@dataclass(frozen=True, slots=True)
class Release:
    """A sealed release: complete, synced, read-only; readers see it once `switch` was called."""

    folder: Path
    path: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Collected:
    """Numbers of the releases that were removed, and of those spared because a reader holds them."""

    removed: tuple[int, ...] = ()
    held: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Releases:
    """All releases of one curated file. One writer at a time: whoever changes anything holds the project's lease."""

    curated: Path

    @property
    def folder(self) -> Path:
        """The folder beside the symlink that holds one folder a release."""
        return shelf.shelf(self.curated)

    def current(self) -> Manifest | None:
        """The manifest of the release that readers see; None before the first publish."""
        folder = shelf.current_folder(self.curated)
        return None if folder is None else shelf.manifest_in(folder)

    def manifest(self, number: int) -> Manifest:
        """The manifest of release `number`, as long as it is kept."""
        return self.release(number).manifest

    def release(self, number: int) -> Release:
        """Release `number` on disk, as long as it is kept."""
        folders = shelf.folders(self.curated)
        if number not in folders:
            expected = f"one of {', '.join(map(str, folders)) or 'none'}"
            raise ReleaseError(
                f"release {number} is not kept", where=str(self.folder), expected=expected, next="tilth publish list"
            )
        folder = folders[number]
        return Release(folder, folder / self.curated.name, shelf.manifest_in(folder))

    def all(self) -> tuple[Manifest, ...]:
        """The manifests of all complete releases on disk, oldest first."""
        found: list[Manifest] = []
        for folder in shelf.folders(self.curated).values():
            if (folder / self.curated.name).is_file():
                with contextlib.suppress(ReleaseError):
                    found.append(shelf.manifest_in(folder))
        return tuple(found)

    def next_number(self, seen: Iterable[int] = ()) -> int:
        """Highest number seen, on disk and in `seen` (the state's rows), plus one; also after a rollback."""
        return max([0, *shelf.folders(self.curated), *seen]) + 1

    def begin(self, run_id: str) -> Draft:
        """A writable copy of the current release, in a folder that nobody else looks at."""
        source = shelf.current_folder(self.curated)
        previous = None if source is None else shelf.manifest_in(source)
        folder = self.folder / f".tmp-{shelf.slug(run_id)}"
        draft = Draft(folder, folder / self.curated.name, run_id, previous)
        with self.keeping("the candidate cannot be made"):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_tree(folder)
            folder.mkdir()
            try:
                self._clone(source, draft.path) if source else create(draft.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    remove_tree(folder)  # half a candidate would keep a full disk full
                raise
        return draft

    def seal(self, draft: Draft, manifest: Manifest) -> Release:
        """Make the closed draft a release that survives a power cut; readers do not see it yet."""
        wal = draft.path.with_name(f"{draft.path.name}.wal")
        if wal.exists():
            what = "the candidate was not closed: it still has a write-ahead log"
            raise ReleaseError(what, where=str(wal), kept=shelf.kept(self.curated), next="tilth run")
        folder = self.folder / shelf.name_of(manifest.release, manifest.run_id)
        with self.keeping("the candidate cannot be sealed"):
            for entry in draft.folder.iterdir():
                if entry != draft.path:
                    remove_tree(entry) if entry.is_dir() else entry.unlink()
            draft.path.chmod(0o444)
            sync(draft.path)
            write_text(draft.folder / "seal.json", json.dumps(outside.print_of(draft.path)))
            write_text(draft.folder / "manifest.json", manifest.to_json())
            sync(draft.folder)
            draft.folder.rename(folder)
            sync(self.folder)
        return Release(folder, folder / self.curated.name, manifest)

    def switch(self, release: Release) -> None:
        """The commit: readers that open the curated file from now on see this release, the others keep theirs."""
        shelf.current_target(self.curated)
        link = self.curated.with_name(f".tmp-{self.curated.name}")
        with self.keeping("the curated file cannot be switched"):
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(release.path, self.curated.parent))
            link.replace(self.curated)
            sync(self.curated.parent)

    def collect(self, keep: int) -> Collected:
        """Remove all but the newest `keep` releases (two at least), sparing the current and those being read.

        Two, because a reader may have followed the symlink just before a switch and not have opened the file yet.
        """
        folders = shelf.folders(self.curated)
        current = shelf.current_folder(self.curated)
        old = [str(folders[n]) for n in sorted(folders)[: -max(keep, 2)] if folders[n] != current]
        if not old:
            return Collected()
        with self.keeping("old releases cannot be removed"):
            answer = outside.run({"do": "collect", "file": self.curated.name, "folders": old})
            sync(self.folder)
        return Collected(_numbers(answer["removed"]), _numbers(answer["held"]))

    def discard(self, number: int) -> None:
        """Remove a sealed release that never became current."""
        folder = shelf.folders(self.curated).get(number)
        if folder is not None and folder != shelf.current_folder(self.curated):
            with self.keeping(f"release {number} cannot be removed"):
                remove_folder(folder)

    def sweep(self) -> None:
        """Remove what a killed run left behind: drafts, halves of removed releases, an unused symlink."""
        with self.keeping("what a killed run left behind cannot be removed"):
            self.curated.with_name(f".tmp-{self.curated.name}").unlink(missing_ok=True)
            for folder in self.folder.glob(".tmp-*"):
                remove_tree(folder)

    def keeping(self, what: str) -> AbstractContextManager[None]:
        """Inside it, a full disk becomes a ReleaseError that says what stays published."""
        return shelf.keeping(self.curated, what)

    def _clone(self, source: Path, target: Path) -> None:
        """Copy a sealed release, unless someone writes, or has written, into it."""
        path = source / self.curated.name
        order = {"do": "clone", "source": str(path), "target": str(target), "print": shelf.seal_in(source)}
        answer = outside.run(order)
        wal = path.with_name(f"{path.name}.wal")
        kept = shelf.kept(self.curated)
        if answer["writer"] is not None:
            what, step = "a program has the published release open for writing", "close that program, then tilth run"
            got = "this process" if answer["writer"] == os.getpid() else f"process {answer['writer']}"
            raise ReleaseError(what, where=str(path), expected="readers only", got=got, kept=kept, next=step)
        if answer["changed"] or wal.exists():
            what, step = "the published release was changed after it was sealed", "tilth publish rollback"
            raise ReleaseError(what, where=str(path), expected="a file nobody writes to", kept=kept, next=step)


def _numbers(folders: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted(int(Path(folder).name.split("-", 1)[0]) for folder in folders))
