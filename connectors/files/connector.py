"""The connector for a folder of files: what it is asked, and the mistakes it can name before it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath

from tilth.connectors.files.drops import Drop, below, is_settled, matching, pattern_problem
from tilth.connectors.files.formats import Documents, Form, form_of
from tilth.connectors.files.gathering import Gathering
from tilth.connectors.files.options import near
from tilth.connectors.files.reading import read
from tilth.connectors.files.refused import Refused
from tilth.connectors.files.taking import Taking
from tilth.connectors.protocol import Batch, Dataset, Health, ObjectInfo, Pull
from tilth.errors import MissingExtra, SourceError

__all__ = ["FilesConnector", "files"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FilesConnector:
    """Files below `root`; one is finished when its size and time have stayed the same for `settle`."""

    name: str
    root: Path
    settle: timedelta = timedelta(seconds=60)
    clock: Callable[[], datetime] = _utc_now

    def check(self) -> Health:
        """Whether the root is there and can be listed, all folders in it included."""
        try:
            found = list(below(self.root, self.root))
        except OSError as error:
            return Health(
                False, f"{error.filename or self.root} cannot be read ({error.strerror}): is the share mounted?"
            )
        folders = {PurePosixPath(drop.name).parent for drop in found}
        return Health(True, f"{len(found)} files in {len(folders)} folders below {self.root}")

    def discover(self) -> Sequence[ObjectInfo]:
        """One pattern for each folder and ending."""
        try:
            found = [PurePosixPath(drop.name) for drop in below(self.root, self.root)]
        except OSError as error:
            raise self._unreachable(error) from error
        return [ObjectInfo(name) for name in sorted({str(path.parent / f"*{path.suffix}") for path in found})]

    def dataset(self, object: str) -> Dataset:
        """The files that match."""
        return Dataset("file", str(self.root.absolute() / object))

    def inspect(self, request: Pull) -> Sequence[str]:
        """Mistakes in the object and the format, and what the newest finished file says to them."""
        form, problems = form_of(request.options, replaces=request.replaces)
        pattern = pattern_problem(request.object)
        if pattern or form is None:
            return [*([pattern] if pattern else []), *problems]
        if request.keys_only and not form.picture:
            problems.append("deletes.compare_keys: needs format.picture: full, where each file holds every record")
        if request.tombstones and not form.tombstones and not isinstance(form.reader, Documents):
            problems.append("deletes: the format does not say which records are tombstones (tombstones: {column: …})")
        try:
            found = matching(self.root, request.object)
            settled = [drop for drop in found if is_settled(drop, now=self.clock(), settle=self.settle, waiting={})]
            if settled and not isinstance(form.reader, Documents):
                problems += self._newest(settled[-1], request, form)
            return [*problems, *([] if found else self._nothing(request.object))]
        except OSError as error:
            raise self._unreachable(error) from error

    def pull(self, request: Pull) -> Iterator[Batch]:
        """Each finished file that was not taken yet, in order of names; `whole`: every one of them again.

        With `picture: full` it is the last file by name alone. Documents come one a record, and go with their file.
        """
        form, problems = form_of(request.options, replaces=request.replaces)
        pattern = pattern_problem(request.object)
        trouble = partial(self._trouble, where=f"source {self.name}, object {request.object}")
        if pattern or form is None:
            mistakes = "; ".join([*([pattern] if pattern else []), *problems])
            raise trouble("its declaration cannot be followed", got=mistakes, next="tilth check")
        now = self.clock()
        if isinstance(form.reader, Documents):
            gathering = Gathering(self.name, request, form.reader, now=now, trouble=trouble)
            yield from gathering.batches(self.root, self.settle)
        else:
            yield from Taking(self.name, request, form, now=now, trouble=trouble).batches(self.root, self.settle)

    def _newest(self, drop: Drop, request: Pull, form: Form) -> list[str]:
        try:
            with drop.path.open("rb") as file:
                first = next(read(file, form, rows=1), None)
        except Refused as refused:
            fault = refused.fault
            return [f"{drop.name} would be refused: {fault.rule}, expected {fault.expected}, got {fault.value}"]
        except MissingExtra as error:
            return [str(error)]
        names = first.table.column_names if first else list(form.columns)
        asked = dict.fromkeys([*request.key, *(request.columns or ()), *filter(None, [request.cursor_column])])
        return [
            f"{drop.name} has no column {name!r}{near(name, names)}" for name in asked if names and name not in names
        ]

    def _nothing(self, glob: str) -> list[str]:
        every = [drop.name for drop in below(self.root, self.root)]
        near_names = [name for name in every if PurePosixPath(name.lower()).match(glob.lower())]
        hint = f" (near: {near_names[0]})" if near_names else near(glob, every)
        return [f"no file matches {glob}{hint}"]

    def _unreachable(self, error: OSError) -> SourceError:
        what = f"{error.filename or self.root} cannot be read ({error.strerror})"
        return self._trouble(what, where=f"source {self.name}")

    def _trouble(self, what: str, *, where: str, expected: str = "", got: str = "", next: str = "") -> SourceError:
        step = next or f"tilth sources check {self.name}"
        return SourceError(what, where=where, expected=expected, got=got, next=step)


def files(name: str, *, root: Path, settle: timedelta = timedelta(seconds=60)) -> FilesConnector:
    """The kind `files`: a folder, and for how long a file must rest before it is taken."""
    return FilesConnector(name, root, settle)
