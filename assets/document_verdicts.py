"""Judging every document of one pull: taken apart in child processes, and toxic for what is found there.

A good one becomes a row of its text, and its elements are kept beside, for its chunks are cut from them when it is
published. Of documents that came more than once in a pull the last one counts; an exact copy stands aside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from tilth.assets import parquet
from tilth.assets.declared import Parsing
from tilth.assets.documents import Finding, Parsed, Raw, Settings, parsed, parser_version, text_of
from tilth.assets.lake import Lake
from tilth.assets.outcomes import PLACE, Outcomes, Verdicts, outcomes
from tilth.assets.parquet import Sheet
from tilth.assets.places import elements_path
from tilth.assets.pulls import BatchRow, PullRow
from tilth.assets.storage import Storage
from tilth.assets.toxic import read_batch
from tilth.schemas.document_rules import DOCUMENT_RULES
from tilth.schemas.judging import REASONS, Judge, Quality
from tilth.schemas.reasons import as_json

__all__ = ["ELEMENTS", "verdicts_on_documents"]

ELEMENTS = pl.Schema(
    {
        "_batch": pl.Int64(),
        "_ordinal": pl.Int64(),
        "number": pl.Int32(),  # from 0, in reading order
        "kind": pl.String(),
        "text": pl.String(),
        "level": pl.Int16(),
        "page": pl.Int32(),
        "part": pl.String(),
    }
)
"""What good documents were taken apart into, a row an element."""

Facts = dict[str, Any]
Row = dict[str, Any]

_PULLED = {
    "document": pl.String(), "bytes": pl.Int64(), "sha256": pl.String(), "modified_at": pl.Datetime("us", "UTC"),
    "_batch": pl.Int64(), "_ordinal": pl.Int64(),
}  # fmt: skip
_GOOD = {
    **_PULLED, "title": pl.String(), "kind": pl.String(), "author": pl.String(), "created": pl.String(),
    "pages": pl.Int64(), "elements": pl.Int64(), "characters": pl.Int64(), "text": pl.String(),
}  # fmt: skip
_FACTS = ("document", "bytes", "sha256", "modified_at")
_TOGETHER = 50  # documents whose rows are judged and written at once


@dataclass(slots=True)
class _Work:
    """The pull at hand."""

    made: Outcomes
    judge: Judge
    parsing: Parsing
    elements: Sheet
    storage: Storage
    latest: pl.DataFrame
    waiting: deque[Facts] = field(default_factory=deque[Facts])  # of the documents that are being read
    read: int = 0
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DOCUMENT_RULES, 0))


def verdicts_on_documents(
    pull: PullRow, batches: Sequence[BatchRow], judge: Judge, lake: Lake, parsing: Parsing
) -> Verdicts:
    """Judge every document of a complete pull, and write its ready, aside, toxic and elements files."""
    version = f"{judge.spec.version} {parser_version()}"
    with (
        lake.storage.create(elements_path(pull.table_name, pull.id)) as file,
        Sheet(file, ELEMENTS) as elements,
        outcomes(pull, batches, judge.spec, lake, version=version) as made,
    ):
        work = _Work(made, judge, parsing, elements, lake.storage, _latest(batches, lake.storage))
        with closing(parsed(_raws(work), _settings(parsing))) as answers:
            while some := [(work.waiting.popleft(), one) for one in islice(answers, _TOGETHER)]:
                _sort(work, some)
        for rule, failed in work.failed.items():
            made.count(Quality(rule, None, "warn" if rule in parsing.warn else "error", work.read, failed))
    return made.verdicts()


def _settings(parsing: Parsing) -> Settings:
    return Settings(**{name: value for name, value in asdict(parsing).items() if name != "warn"})


def _latest(batches: Sequence[BatchRow], storage: Storage) -> pl.DataFrame:
    """Where the last record of each document stands; copies say nothing of the name that they have."""
    found = [pl.DataFrame(schema={"document": pl.String, "_batch": pl.Int64, "_ordinal": pl.Int64})]
    for batch in batches:
        columns = ["document", *(["copy_of"] if batch.kind == "rows" else [])]
        names = parquet.read(storage, batch.path, columns).with_row_index("_ordinal")
        names = names.filter(pl.col("copy_of").is_null()) if batch.kind == "rows" else names
        found.append(
            names.select("document", pl.lit(batch.id, pl.Int64).alias("_batch"), pl.col("_ordinal").cast(pl.Int64))
        )
    return pl.concat(found).unique("document", keep="last", maintain_order=True)


def _raws(work: _Work) -> Iterator[Raw]:
    """The documents to be read, batch by batch; what needs no reading is put where it belongs on the way."""
    for batch in work.made.batches.values():
        records = work.made.standing(read_batch(work.storage, batch))
        if batch.kind == "rows":
            copies = pl.col("copy_of").is_not_null()
            work.made.put_aside(records.filter(copies), "duplicate")
            records = records.filter(~copies)
        work.made.put_aside(records.join(work.latest, on=PLACE, how="anti"), "superseded")
        records = records.join(work.latest.select(PLACE), on=PLACE, how="semi", maintain_order="left")
        if batch.kind == "tombstones":
            judged = work.judge.tombstones(records)
            work.made.refuse(judged.toxic)
            work.made.ready.add(judged.good)
            continue
        for row in records.iter_rows(named=True):
            work.waiting.append({name: row[name] for name in (*_FACTS, *PLACE)})
            yield Raw(row["document"], row["content"] or b"")


def _sort(work: _Work, some: Sequence[tuple[Facts, Parsed]]) -> None:
    """Documents that were read: good rows and elements, or toxic with every reason."""
    work.read += len(some)
    good: list[Row] = []
    toxic: list[Row] = []
    for facts, document in some:
        findings = list(_findings(facts, document, work.parsing))
        for rule in {one.rule for one in findings}:
            work.failed[rule] += 1
        if any(one.rule not in work.parsing.warn for one in findings):
            toxic.append(facts | {"reasons": [_reason(one, work.parsing) for one in findings]})
        else:
            good.append(facts | _content(document))
            _keep_elements(work, facts, document)
    if toxic:
        work.made.refuse(_refused(toxic))
    if good:
        judged = work.judge.rows(pl.DataFrame(good, schema=_GOOD))
        work.made.count(*judged.quality)
        work.made.refuse(judged.toxic)
        work.made.ready.add(judged.good)


def _findings(facts: Facts, document: Parsed, parsing: Parsing) -> Iterator[Finding]:
    """What is wrong with a document; the content of a too large one was not even pulled."""
    if facts["bytes"] > parsing.max_bytes:
        yield Finding("too_large", f"{facts['bytes']} bytes", f"at most {parsing.max_bytes} bytes")
    else:
        yield from document.findings


def _reason(finding: Finding, parsing: Parsing) -> dict[str, str | None]:
    told = {"rule": finding.rule, "column": finding.part, "value": finding.value, "expected": finding.expected}
    return {**told, "kind": "file", "severity": "warn" if finding.rule in parsing.warn else "error"}


def _content(document: Parsed) -> Row:
    text = text_of(document.elements)
    heading = next((one.text for one in document.elements if one.kind == "title" and one.part is None), None)
    return {
        "title": document.title or heading,
        "kind": document.kind,
        "author": document.author,
        "created": document.created_at,
        "pages": document.pages,
        "elements": len(document.elements),
        "characters": len(text),
        "text": text,
    }


def _keep_elements(work: _Work, facts: Facts, document: Parsed) -> None:
    place = {name: facts[name] for name in PLACE}
    rows = [place | {"number": number} | asdict(one) for number, one in enumerate(document.elements)]
    work.elements.add(pl.DataFrame(rows, schema=ELEMENTS))


def _refused(toxic: Sequence[Row]) -> pl.DataFrame:
    """All of a toxic file's columns but ids and contract version; its raw values are what is known of the file."""
    frame = pl.DataFrame(toxic, schema={**_PULLED, "reasons": REASONS})
    nothing = pl.lit(None, dtype=pl.String)
    return frame.select(
        *PLACE,
        pl.col("document").alias("key"),
        as_json(frame, _FACTS).alias("raw"),
        nothing.alias("read"),
        "reasons",
        nothing.alias("version"),
    )
