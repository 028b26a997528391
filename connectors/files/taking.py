"""One pull: each settled file once, by content, from where the last pull stopped.

A file is copied, proved readable to its end, and only then handed out; a file that cannot be used is told as one
fault and also counts as taken (a repaired file has other bytes). Listing is in `drops`, reading in the formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tilth.connectors.files.cursor import Begun, Known, Progress, Sighting, short
from tilth.connectors.files.drops import Drop, is_settled, matching
from tilth.connectors.files.formats import Form
from tilth.connectors.files.parts import Piece, proven
from tilth.connectors.files.reading import divided, read, require_columns, wanted
from tilth.connectors.files.refused import Refused
from tilth.connectors.files.snapshot import Snapshot, snapshot
from tilth.connectors.protocol import Batch, Complete, Fault, Origin, Pull
from tilth.errors import SourceError

__all__ = ["Taking"]

Trouble = Callable[..., SourceError]


class Taking:
    """The state of one pull; `trouble(what, …)` makes the errors it raises."""

    def __init__(self, source: str, request: Pull, form: Form, *, now: datetime, trouble: Trouble) -> None:
        self._source, self._request, self._form, self._trouble = source, request, form, trouble
        self._now = now
        self._whole = request.whole or request.keys_only
        self._known = Known.of(request.cursor)
        self._progress = Progress.of(request.resume, now=now)
        self._begun: dict[str, Begun] = {**({} if self._whole else self._known.begun), **self._progress.begun}
        self._sightings: dict[str, Sighting] = {}
        self._unsettled: dict[str, Drop] = {}
        self._missed = False  # some file changed while it was copied

    def batches(self, root: Path, settle: timedelta) -> Iterator[Batch]:
        """Every batch, then an empty one that completes the pull."""
        settled = self._settled(root, settle)
        for drop in self._candidates(settled):
            yield from self._file(drop)
        yield from self._lost()
        yield Batch(pa.table({}), self._origin(), complete=self._complete())

    def _settled(self, root: Path, settle: timedelta) -> list[Drop]:
        try:
            found = matching(root, self._request.object)
        except OSError as error:
            raise self._unreadable(error) from error
        settled: list[Drop] = []
        for drop in found:
            if is_settled(drop, now=self._now, settle=settle, waiting=self._known.waiting):
                settled.append(drop)
            else:
                self._unsettled[drop.name] = drop
        if not settled and not self._progress.done and (self._whole or self._form.picture):
            self._require_something()
        return settled

    def _require_something(self) -> None:
        """A full picture without a file is trouble, unless the one already taken is just being written anew."""
        if self._unsettled and not self._whole and self._known.taken:
            return
        waits = f"{len(self._unsettled)} that may still be written to" if self._unsettled else "none"
        raise self._trouble(
            "there is no finished file", expected=f"a file that matches {self._request.object}", got=waits
        )

    def _candidates(self, settled: list[Drop]) -> Iterator[Drop]:
        if not self._form.picture:
            yield from settled
        elif self._progress.begun:
            names = {begun.name for begun in self._progress.begun.values()}
            for drop in sorted(settled, key=lambda drop: drop.name not in names):
                if self._progress.begun and not self._progress.done:
                    yield drop
        elif not self._progress.done:
            yield from settled[-1:]

    def _file(self, drop: Drop) -> Iterator[Batch]:
        seen = None if self._whole else self._known.same(drop)
        if seen:
            self._sightings[drop.name] = seen
            return
        try:
            with snapshot(drop) as copy:
                if copy is None:
                    self._miss(drop)
                    return
                self._sightings[drop.name] = (drop.size, drop.mtime_ns, short(copy.sha256))
                if self._is_new(copy.sha256):
                    yield from self._records(drop, copy)
        except OSError as error:
            raise self._unreadable(error) from error

    def _miss(self, drop: Drop) -> None:
        self._missed, self._unsettled[drop.name] = True, drop
        if self._form.picture and self._whole:
            raise self._trouble(f"{drop.name} is being written to")

    def _is_new(self, sha256: str) -> bool:
        if self._form.picture and self._progress.begun:
            return sha256 in self._progress.begun
        taken = short(sha256) in self._progress.done or (not self._whole and short(sha256) in self._known.taken)
        return not taken

    def _records(self, drop: Drop, copy: Snapshot) -> Iterator[Batch]:
        skip = self._begun[copy.sha256].offset if copy.sha256 in self._begun else 0
        rows = self._request.batch_rows
        try:
            for piece in proven(lambda: read(copy.file, self._form, rows=rows, skip=skip)):
                if not piece.table.num_rows:
                    require_columns(piece.table.column_names, self._request)
                    continue
                begun = Begun(piece.offset + piece.table.num_rows, drop.name, drop.size)
                self._begun[copy.sha256] = self._progress.begun[copy.sha256] = begun
                yield self._batch(piece, drop, copy)
        except Refused as refused:
            self._finished(copy.sha256)
            yield self._fault(refused.fault, drop.name, drop.size, copy.sha256)
        self._finished(copy.sha256)

    def _finished(self, sha256: str) -> None:
        self._progress.done[short(sha256)] = None
        self._progress.begun.pop(sha256, None)
        self._begun.pop(sha256, None)

    def _batch(self, piece: Piece, drop: Drop, copy: Snapshot) -> Batch:
        rows, deleted = divided(piece.table, self._form.tombstones)
        columns = self._request.columns
        return Batch(
            wanted(rows, columns),
            self._origin(file=drop.name, sha256=copy.sha256, offset=piece.offset, line=piece.line),
            resume=self._progress.token(),
            deleted=wanted(deleted, columns).combine_chunks().to_batches()[0] if deleted.num_rows else None,
        )

    def _fault(self, fault: Fault, name: str, size: int, sha256: str) -> Batch:
        self._progress.refused = True
        rows = pa.table({"file": [name], "bytes": pa.array([size], pa.int64()), "sha256": [sha256]})
        return Batch(rows, self._origin(file=name, sha256=sha256), resume=self._progress.token(), fault=fault)

    def _lost(self) -> Iterator[Batch]:
        """Files that this pull had begun and that nobody has any more: told once, taken up when they come back."""
        for sha256, begun in list(self._progress.begun.items()):
            if begun.told:
                continue
            if begun.name in self._unsettled:
                raise self._trouble(f"{begun.name} is being written to, {begun.offset} of its records are taken")
            self._begun[sha256] = self._progress.begun[sha256] = replace(begun, told=True)
            told = f"after {begun.offset} records it was gone or had other content"
            fault = Fault("file_gone", None, told, "the same content until all of it is taken")
            yield self._fault(fault, begun.name, begun.size, sha256)

    def _complete(self) -> Complete:
        progress, known = self._progress, self._known
        sound = not progress.refused and not self._missed
        whole = sound and (bool(progress.done) if self._form.picture else self._whole)
        if self._form.picture:
            base = Known() if progress.done else known
            files, gone = base.after(self._sightings or known.files, progress.done)
            begun: Mapping[str, Begun] = {}
        else:
            files, gone = known.after(self._sightings, progress.done)
            begun = {**known.begun, **self._begun} if self._whole else self._begun
        waiting = {name: self._waits(drop) for name, drop in self._unsettled.items()}
        return Complete(Known(files, gone, begun, waiting).token(), whole, progress.at)

    def _waits(self, drop: Drop) -> list[float]:
        seen = self._known.waiting.get(drop.name)
        same = seen is not None and list(seen[:2]) == [drop.size, drop.mtime_ns]
        return [drop.size, drop.mtime_ns, seen[2] if seen and same else self._now.timestamp()]

    def _origin(
        self, *, file: str | None = None, sha256: str | None = None, offset: int = 0, line: int | None = None
    ) -> Origin:
        return Origin(self._source, self._request.object, file, sha256, offset, line)

    def _unreadable(self, error: OSError) -> SourceError:
        return self._trouble(f"{error.filename or 'a file'} cannot be read ({error.strerror or error})")
