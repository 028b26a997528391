"""One pull of documents: every file that is new or changed, with its bytes, and tombstones of those that are gone.

A document is taken when nobody writes to it any more; until then the pull leaves it as it was. A listing without
any file is trouble, not the end of all documents: an unmounted share looks like that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from tilth.connectors.files.drops import Drop, is_settled, matching
from tilth.connectors.files.formats import Documents
from tilth.connectors.files.library import Change, Seen, Shelf, changes, roles, seen_in, written
from tilth.connectors.files.snapshot import snapshot
from tilth.connectors.protocol import Batch, Complete, Origin, Pull
from tilth.errors import SourceError

__all__ = ["Gathering"]

Trouble = Callable[..., SourceError]

_COLUMNS = pa.schema(
    [
        ("document", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("modified_at", pa.timestamp("us", "UTC")),
        ("copy_of", pa.string()),  # the document that has the same bytes
        ("content", pa.large_binary()),  # null for a copy, and for a file that is too large
    ]
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH_BYTES = 32 << 20
_BATCH_DOCUMENTS = 200


class Gathering:
    """The state of one pull; `trouble(what, …)` makes the errors it raises."""

    def __init__(self, source: str, request: Pull, form: Documents, *, now: datetime, trouble: Trouble) -> None:
        self._source, self._request, self._form, self._trouble = source, request, form, trouble
        raw = cast("dict[str, Any]", dict(request.resume or {}))
        done: Mapping[str, Any] = raw.get("done", {})
        self._now, self._at = now, datetime.fromisoformat(raw["at"]) if raw else now
        self._done: dict[str, Seen | None] = dict.fromkeys(done) | dict(seen_in(done))
        self._shelf, self._records = Shelf.of(request.cursor), int(raw.get("records", 0))
        self._drops: dict[str, Drop] = {}
        self._waiting: dict[str, list[float]] = {}  # files that somebody may still write to
        self._missed: set[str] = set()  # files that changed while they were read

    def batches(self, root: Path, settle: timedelta) -> Iterator[Batch]:
        """Every batch; the last one, perhaps empty, completes the pull."""
        whole = self._request.whole
        try:
            known = self._known()
            now = roles(known, self._present(known, root, settle))
            again = now.keys() - self._done.keys() - self._waiting.keys() if whole else ()
            held = _Held()
            for change in changes(known, now, again):
                if not self._say(change, held):
                    continue
                if held.bytes >= _BATCH_BYTES or held.count >= min(_BATCH_DOCUMENTS, self._request.batch_rows):
                    yield self._batch(held)
                    held = _Held()
        except OSError as error:
            raise self._trouble(f"{error.filename or root} cannot be read ({error.strerror})") from error
        yield self._batch(held, complete=self._complete(now))

    def _known(self) -> dict[str, Seen]:
        """What was delivered: by earlier pulls, and by this one before it was interrupted."""
        known = {name: self._done.get(name, seen) for name, seen in self._shelf.documents.items()} | self._done
        return {name: seen for name, seen in known.items() if seen is not None}

    def _present(self, known: Mapping[str, Seen], root: Path, settle: timedelta) -> dict[str, Seen]:
        """What is there; a file that is being written to is still what it was."""
        found = matching(root, self._request.object)
        if not found and known and not self._request.whole:
            expected = f"files that match {self._request.object}: {len(known):,} were there"
            step = "see whether the share is mounted; if they are all gone for good: tilth run --full"
            raise self._trouble("there is no document any more", expected=expected, got="none", next=step)
        present: dict[str, Seen] = {}
        for drop in found:
            before = known.get(drop.name)
            settled = is_settled(drop, now=self._now, settle=settle, waiting=self._shelf.waiting)
            seen = before if before and before.is_of(drop) else self._hashed(drop) if settled else None
            if seen is None:
                self._waiting[drop.name] = self._waits(drop)
                seen = before
            if seen is not None:
                present[drop.name], self._drops[drop.name] = seen, drop
        return present

    def _hashed(self, drop: Drop) -> Seen | None:
        with snapshot(drop) as copy:
            return Seen(drop.size, drop.mtime_ns, copy.sha256) if copy else None

    def _say(self, change: Change, held: _Held) -> bool:
        """Put one change into the batch; False when the file changes just now."""
        if change.now is not None and not self._record(change.name, change.now, held):
            self._missed.add(change.name)
            return False
        if change.gone:
            held.gone.append(change.name)
        self._done[change.name] = change.now
        return True

    def _record(self, name: str, now: Seen, held: _Held) -> bool:
        content: bytes | None = None
        if now.copy_of is None and now.size <= self._form.max_bytes:
            with snapshot(self._drops[name]) as copy:
                if copy is None or copy.sha256 != now.sha256:
                    return False
                content = copy.file.read()
        modified = _EPOCH + timedelta(microseconds=now.mtime_ns // 1_000)
        row = {"document": name, "bytes": now.size, "sha256": now.sha256, "modified_at": modified}
        held.rows.append({**row, "copy_of": now.copy_of, "content": content})
        held.bytes += len(content or b"")
        return True

    def _batch(self, held: _Held, *, complete: Complete | None = None) -> Batch:
        offset = self._records
        self._records += held.count
        resume = {"at": self._at.isoformat(), "records": self._records, "done": written(self._done)}
        gone = pa.record_batch({"document": pa.array(held.gone, pa.string())})
        return Batch(
            pa.Table.from_pylist(held.rows, schema=_COLUMNS),
            Origin(self._source, self._request.object, offset=offset),
            resume=None if complete else resume,
            complete=complete,
            deleted=gone if held.gone else None,
        )

    def _complete(self, now: Mapping[str, Seen]) -> Complete:
        """What is delivered is known from now on; a file that was missed stays what it was, and comes next time."""
        known = self._known()
        kept = {name: known[name] for name in self._missed if name in known}
        documents = {name: seen for name, seen in now.items() if name not in self._missed} | kept
        token = Shelf(documents, self._waiting).token()
        return Complete(token, self._request.whole and not self._missed and not self._waiting, self._at)

    def _waits(self, drop: Drop) -> list[float]:
        seen = self._shelf.waiting.get(drop.name)
        same = seen is not None and list(seen[:2]) == [drop.size, drop.mtime_ns]
        return [drop.size, drop.mtime_ns, seen[2] if seen and same else self._now.timestamp()]


class _Held:
    """Documents on their way into a batch."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.gone: list[str] = []
        self.bytes = 0

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.gone)
