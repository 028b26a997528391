"""One quarantined record in plain words: what is wrong, where it came from, what would make it good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tilth.assets.state import batches
from tilth.errors import TilthError
from tilth.pipelines.cli.refused_file import file_words

if TYPE_CHECKING:
    from tilth.assets.listing import Entry
    from tilth.pipelines.project import Project
    from tilth.schemas.spec import Column, Spec

__all__ = ["Explanation", "explained"]

_LONG = 120  # characters of a value that are worth reading

Reason = Mapping[str, str | None]

# rule → what it says, and what would mend it; {…}: facts of the reason
_WORDS = {
    "parse": ("{column} holds {value}, which cannot be read as {expected}", "a value that is {expected}"),
    "not_null": ("{column} is missing, and must not be", "a value for {column}"),
    "column": (
        "the source has no column {column} any more",
        "the column {column} back in the source, or a changed contract",
    ),
    "reference": (
        "{column} names {value}, and there is no such record",
        "the missing record: once it is published this one returns by itself; or another value for {column}",
    ),
    "functional_dependency": (
        "{column} are {value}, and other records say otherwise (expected {expected})",
        "values that agree with those of the other records, or the others corrected",
    ),
    "sequence": (
        "{column} is {value}, which is out of order (expected {expected})",
        "a {column} that fits between those before and after it",
    ),
    "gap": (
        "{column} is {value}, and the one before it is missing (expected {expected})",
        "the missing record: once it is published this one returns by itself",
    ),
    "transition": (
        "{column} is {value}, which may not come now (allowed {expected})",
        "a value that is allowed {expected}; or that step in the contract's transitions",
    ),
    "sum": ("{value} do not add up (expected {expected})", "numbers that add up: {expected}"),
    "total": (
        "{column} is {value}, and the sum is another (expected {expected})",
        "the records that the sum lacks: once it fits this one returns by itself; or a corrected {column}",
    ),
}
_UNIQUE = (
    "another record has the same {column} ({value}), and the two do not say the same",
    "one record only, or a version that tells which is newer",
)
_TAKEN = ("another record has the same {column} ({value})", "a {column} that no other record has")
_ANY = ("{column} is {value}; expected {expected} (rule {rule})", "{column}: {expected}")
_AFTER = {
    "open": "Until then it stays out of the table; what was published of its key before stays published.",
    "replayed": "It came back: it was judged good again and published.",
    "corrected": "It was corrected, judged again and published.",
    "superseded": "A newer record of the same key took its place: there is nothing left to do.",
    "waived": "Somebody decided that it may be published as it is.",
    "discarded": "Somebody decided that it is not needed.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say of one entry."""

    what: tuple[str, ...]  # a sentence a reason
    meaning: tuple[str, ...]  # what the contract says of the columns
    written: tuple[str, ...]  # file and line where each rule is written
    came_from: str
    would_mend: tuple[str, ...]
    now: str
    next: str

    def to_dict(self) -> dict[str, Any]:
        """As --json prints it."""
        return asdict(self)

    def text(self) -> str:
        """As a person reads it."""
        parts = [("What is wrong", self.what), ("What the contract says", self.meaning)]
        parts += [("Where that is written", self.written)]
        parts += [("Where it came from", (self.came_from,)), ("What would make it good", self.would_mend)]
        lines = [line for head, said in parts if said for line in (f"{head}:", *(f"  {one}" for one in said), "")]
        return "\n".join([*lines, self.now, f"  next: {self.next}"])


def explained(project: Project, entry: Entry) -> Explanation:
    """Everything about one entry, in words."""
    spec = _spec(project, entry.table)
    columns = {column.name: column for column in spec.columns} if spec else {}
    declared = project.tables.get(entry.table)
    documents = declared is not None and declared.parsing is not None
    batch = _batch(project, entry)
    if batch is not None and batch.kind == "fault" and not documents:
        return _of_file(entry, batch.origin)
    words = [(_of_document(reason) if documents else _words(reason), _facts(reason)) for reason in entry.reasons]
    named = dict.fromkeys(
        name for reason in entry.reasons for name in (reason["column"] or "").split(",") if name in columns
    )
    condemning = [said for said, reason in zip(words, entry.reasons, strict=True) if not _warns(reason)]
    mend = list(dict.fromkeys(how.format(**facts) for (_, how), facts in condemning))
    step = "mend the records it is made from, then tilth run"
    if declared:
        here = "" if documents else f"; or correct it: tilth quarantine export {entry.table}.xlsx --table {entry.table}"
        step = f"mend it in {declared.source}, then tilth run{here}"
    return Explanation(
        what=tuple(
            what.format(**facts) + ("; that is only a warning" if _warns(reason) else "")
            for ((what, _), facts), reason in zip(words, entry.reasons, strict=True)
        ),
        meaning=tuple(_meaning(columns[name]) for name in named),
        written=tuple(dict.fromkeys(filter(None, (_written(project, entry.table, spec, r) for r in entry.reasons)))),
        came_from=_origin(project, entry, batch.origin if batch else None),
        would_mend=tuple(mend),
        now=_AFTER[entry.status],
        next=step if entry.status == "open" else f"tilth quarantine show {entry.id[:12]}",
    )


def _of_file(entry: Entry, origin: Mapping[str, Any]) -> Explanation:
    """A whole file that was refused: one record stands for all that is in it."""
    name = origin.get("file") or "a file"
    said = [file_words(r["rule"] or "", r["value"], r["expected"] or "") for r in entry.reasons]
    place = f"source {origin['source']}, object {origin['object']}, file {name}, the whole of it; {_opened(entry)}"
    until = "Until then none of its records is in the table; what other files brought stays."
    step = f"drop a corrected {name} for source {origin['source']}, then tilth run --select {entry.table}"
    return Explanation(
        what=tuple(f"the file {name} is refused as a whole: {what}" for what, _ in said),
        meaning=(),
        written=(),
        came_from=place,
        would_mend=tuple(dict.fromkeys(mend for _, mend in said)),
        now=until if entry.status == "open" else _AFTER[entry.status],
        next=step if entry.status == "open" else f"tilth quarantine show {entry.id[:12]}",
    )


def _warns(reason: Reason) -> bool:
    return reason["severity"] == "warn"


def _words(reason: Reason) -> tuple[str, str]:
    rule = reason["rule"] or ""
    if rule == "unique":
        return _TAKEN if (reason["expected"] or "").startswith("a value") else _UNIQUE
    if rule not in _WORDS and not reason["column"]:
        return "the record breaks the rule {rule} (expected {expected})", "{expected}"
    return _WORDS.get(rule, _ANY)


def _of_document(reason: Reason) -> tuple[str, str]:
    """What is wrong with a document, or with the attachment of a mail that the reason names."""
    from tilth.schemas.document_rules import DOCUMENT_RULES

    rule = reason["rule"] or ""
    what = "the attachment {column}" if reason["column"] else "the document"
    said = ": {value}" if reason["value"] else ""
    mend = DOCUMENT_RULES.get(rule)
    return (f"{what} is refused by the rule {{rule}}{said} (expected {{expected}})", mend) if mend else _words(reason)


def _facts(reason: Reason) -> dict[str, str]:
    text = reason["value"]
    text = text if text is None or len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"
    value = "nothing" if text is None else text if text.startswith("{") else repr(text)  # {: several columns
    return {"value": value, **{name: reason[name] or "" for name in ("rule", "column", "expected")}}


def _spec(project: Project, table: str) -> Spec | None:
    from tilth.schemas.contract import spec_of

    declared = project.tables.get(table) or project.derived.get(table)
    try:
        return spec_of(project.contract(declared)) if declared else None
    except TilthError:
        return None  # a broken contract is for `tilth check`; the reasons still say what was wrong


def _written(project: Project, table: str, spec: Spec | None, reason: Reason) -> str | None:
    """Where the contract says what the record breaks: a rule of its `rules`, a check of its own, or a field."""
    from tilth.pipelines.contracts import written

    declared = project.tables.get(table) or project.derived.get(table)
    if declared is None or spec is None:
        return None
    model, code, rule = project.contract(declared), project.settings.code, reason["rule"] or ""
    said = ({"gap": "sequence"}.get(rule, rule), sorted((reason["column"] or "").split(",")))
    own = [at for at, one in enumerate(spec.rules) if (one.name, sorted(one.shown)) == said]
    if own:
        return written(model, "rules", code=code, place=own[0])
    field = (reason["column"] or "").split(",")[0]
    return written(model, rule, code=code) or (written(model, field, code=code) if field else None)


def _meaning(column: Column) -> str:
    facts = [str(column.dtype), "key" if column.key else "", "may be missing" if column.nullable else "must be there"]
    facts += [
        f"unit {column.unit}" if column.unit else "",
        f"read from {column.source}" if column.source != column.name else "",
    ]
    facts += [f"refers to {'.'.join(column.references)}" if column.references else ""]
    said = f"{column.name} ({', '.join(fact for fact in facts if fact)})"
    return f"{said}: {column.description}" if column.description else said


def _opened(entry: Entry) -> str:
    return f"refused {entry.opened_at:%Y-%m-%d %H:%M} UTC by run {entry.run_id[:8]}"


def _batch(project: Project, entry: Entry) -> sa.Row[Any, Any] | None:
    """Kind and origin of the batch that the record came in; None: it was made from other tables."""
    with project.lake().state.read() as connection:
        query = sa.select(batches.c.kind, batches.c.origin).where(batches.c.id == entry.batch)
        return connection.execute(query).one_or_none()


def _origin(project: Project, entry: Entry, origin: Mapping[str, Any] | None) -> str:
    """Source, object, and file with line or batch with row."""
    opened = _opened(entry)
    if not origin:
        return f"derived table {entry.table}, {opened}" if entry.table in project.derived else opened
    place = f"source {origin['source']}, object {origin['object']}"
    declared = project.tables.get(entry.table)
    if declared is not None and declared.parsing is not None:
        return f"{place}, document {entry.key}; {opened}"
    number = int(origin.get("offset") or 0) + (entry.ordinal or 0) + 1
    if origin.get("file"):
        line = origin.get("line")
        at = f"about line {line + (entry.ordinal or 0)}" if line else f"record {number}"
        return f"{place}, file {origin['file']}, {at}; {opened}"
    return f"{place}, batch {entry.batch}, row {(entry.ordinal or 0) + 1}; {opened}"
