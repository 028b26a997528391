"""A first night of many rows in a process of its own: `python big_night.py FOLDER ROWS` prints its peak memory, MB."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from company import DAY, Scripted, lake_in, run_of
from company import declaration as declared

from tilth.assets.declared import Deletes
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.connectors.protocol import Batch, Complete, Origin, Pull
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

_BATCH = 100_000


class Sale(Contract):
    """One sale."""

    id: int = column(key=True)
    customer: str = column(str_startswith="C")
    amount: float = column(ge=0)
    note: str = column()


@dataclass
class Many(Scripted):
    """`count` rows, made as they are asked for."""

    count: int = 0

    def pull(self, request: Pull) -> Iterator[Batch]:
        self.asked.append(request)
        for start in range(0, self.count, _BATCH):
            number = pl.int_range(start, min(start + _BATCH, self.count), eager=True)
            frame = pl.DataFrame({"id": number}).with_columns(
                customer="C" + (pl.col("id") % 9973).cast(pl.String),
                amount=(pl.col("id") % 1000).cast(pl.Float64) - 1,
                note="a note on sale " + pl.col("id").cast(pl.String),
            )
            last = start + _BATCH >= self.count
            done = Complete({}, False, DAY) if last else None
            yield Batch(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), Origin("script", "sales"), complete=done)


def main(folder: Path, count: int) -> None:
    lake, table = lake_in(folder), declared("sales", deletes=Deletes(), version=None)
    set_right(lake)
    ingest_table(table, Sale, lambda: Many((), {}, count=count), lake, run_of(1))
    published = publish_night([Publishable(table, Sale)], lake, run_of(1))
    assert published.tables["sales"].rows == count - count // 1000, published
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
