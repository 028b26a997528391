"""One pull: page after page until the last, whatever happens on the way; each batch says where to go on behind it.

Pages are gathered to batches of a size that is worth a file. When a page cannot be had, those before it are handed out
first, and the next run goes on at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tilth.connectors.http.api import Api
from tilth.connectors.http.engine import Engine
from tilth.connectors.http.flaws import Failed, Flaw
from tilth.connectors.http.guards import complete, page_of
from tilth.connectors.http.pace import Pace
from tilth.connectors.http.paging import Place
from tilth.connectors.http.sheets import Sheet, Sheets
from tilth.connectors.http.window import Progress, since
from tilth.connectors.http.wire import Answer
from tilth.connectors.protocol import Batch, Origin, Pull, Token

__all__ = ["Pulling"]

_UNKNOWN_PLACE = (400, 404, 409, 410, 422)  # what servers say to a cursor that they no longer know
_ROUNDS = 3  # how often a window is read from its first page
_LONG_S = 15.0  # pages are handed out after so long, however few they are


@dataclass(frozen=True, slots=True)
class _Taken:
    sheet: Sheet
    following: Place | None
    clock: datetime | None  # the server's


class Pulling:
    """The state of one pull."""

    def __init__(self, api: Api, engine: Engine, request: Pull, pace: Pace) -> None:
        self._api, self._engine, self._request, self._pace = api, engine, request, pace
        self._endpoint = api.endpoint(request.object)
        self._sheets = Sheets(request, self._endpoint.tombstones, api.absent_is_empty)
        self._column = None if request.keys_only else request.cursor_column
        start = None if request.whole else since(request.cursor, self._column)
        self._at = Progress.of(request.resume, self._endpoint.paging.mark, start)
        self._prints, self._places = {self._at.last} - {""}, set[Place]()
        self._rounds = 1
        self._gathered, self._offset, self._opened_s = list[Sheet](), self._at.records, pace.clock()

    def batches(self) -> Iterator[Batch]:
        """Every record asked for; SourceError after what came before a page that cannot be had."""
        while True:
            try:
                taken = self._next()
            except Failed as failed:
                if self._begins_again(failed.flaw):
                    continue
                yield from self._last_words(failed.flaw)
                raise self._engine.told(failed, self._request.object, kept=self._kept(failed.flaw)) from None
            self._keep(taken)
            if taken.following is None:
                yield self._batch(last=True)
                return
            many = sum(sheet.count for sheet in self._gathered) >= self._request.batch_rows
            if many or self._pace.clock() - self._opened_s > _LONG_S:
                yield self._batch()

    def _next(self) -> _Taken:
        at, endpoint = self._at, self._endpoint
        window = [endpoint.changes.query(at.since)] if at.since is not None and endpoint.changes else []
        target = self._api.target(endpoint, window, at.place)
        subject = f"page {at.pages + 1}"
        taken = self._engine.ask(target, self._proved, subject=subject)
        if taken.following is None and endpoint.paging.overlap:  # only a short page says that it was the last
            taken = self._engine.ask(target, self._proved, subject=subject)
        return taken

    def _proved(self, answer: Answer) -> _Taken:
        """The page in the answer, when it is whole and a new one."""
        at, paging = self._at, self._endpoint.paging
        page = page_of(answer, self._endpoint.envelope, paging, at.place)
        if at.clock is None and page.clock is None and self._column is not None:
            step = "leave `cursor` out of the declaration: the object is then pulled whole"
            raise Flaw("{} does not tell the server's time", expected="a Date header", next=step, lasting=True)
        again = paging.overlap if at.place else 0
        if again and self._sheets.edge(page.records[:again]) != at.edge:
            raise Flaw("{} does not begin where the one before it ended: the list has moved", astray=True)
        sheet = self._sheets.of(page.records[again:])
        if page.following in self._places or sheet.print in self._prints:
            raise Flaw("{} came again", expected="another page", got="one that was read before", astray=True)
        if page.following is None:
            complete(at.records + sheet.count, page.total)
        return _Taken(sheet, page.following, page.clock)

    def _keep(self, taken: _Taken) -> None:
        at, sheet = self._at, taken.sheet
        self._gathered.append(sheet)
        self._prints |= {sheet.print} - {""}
        self._places |= set() if taken.following is None else {taken.following}
        self._at = Progress(
            at.since,
            at.clock or taken.clock or datetime.now(UTC),
            at.pages + 1,
            at.records + sheet.count,
            taken.following,
            sheet.print or at.last,
            sheet.edge or at.edge,
        )

    def _batch(self, *, last: bool = False) -> Batch:
        rows = _together([sheet.rows for sheet in self._gathered])
        deleted = _together([sheet.deleted for sheet in self._gathered if sheet.deleted is not None])
        batch = Batch(
            rows,
            Origin(self._api.source, self._request.object, offset=self._offset),
            resume=None if last else self._resume(),
            complete=self._at.complete(self._column, self._api.lag) if last else None,
            deleted=deleted.combine_chunks().to_batches()[0] if deleted.num_rows else None,
        )
        self._gathered, self._offset, self._opened_s = [], self._at.records, self._pace.clock()
        return batch

    def _resume(self) -> Token | None:
        """The token behind the last page; None where it would hold a secret: the pull then begins again."""
        hidden = self._engine.hides(str(self._at.place))
        return None if hidden else self._at.token(self._endpoint.paging.mark)

    def _begins_again(self, flaw: Flaw) -> bool:
        """Whether the window is read from its first page: the server does not know the place, or it leads nowhere."""
        if self._rounds >= _ROUNDS or self._at.place is None:
            return False
        if not flaw.astray and flaw.status not in _UNKNOWN_PLACE:
            return False
        self._rounds, self._at = self._rounds + 1, self._at.again()
        self._prints, self._places = set(), set()
        self._gathered, self._offset = [], 0  # what was not handed out yet comes again
        return True

    def _last_words(self, flaw: Flaw) -> Iterator[Batch]:
        if self._gathered:
            yield self._batch()
        if flaw.astray and self._at.pages:  # the next run is not to go on here
            yield Batch(pa.table({}), Origin(self._api.source, self._request.object, offset=self._at.records))

    def _kept(self, flaw: Flaw) -> str:
        pages = self._at.pages
        if not pages:
            return ""
        kept = "page 1 is kept" if pages == 1 else f"pages 1 to {pages} are kept"
        step = "begins again at page 1" if flaw.astray else f"goes on from page {pages + 1}"
        return f"{kept}, the next run {step}"


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default") if tables else pa.table({})
