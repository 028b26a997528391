"""A file that was refused whole, in words: what is wrong with it, by rule, and what brings its records in."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MENDS", "file_words"]

_AGAIN = "dropped again under any name"

# rule → what is wrong, and what would mend it; {value}, {expected}: as they were found
MENDS: Mapping[str, tuple[str, str]] = {
    "empty": ("it holds no record (found {value}; expected {expected})", f"the file with its records, {_AGAIN}"),
    "header": (
        "its header is another's (found {value}; expected {expected})",
        f"the file with that header, {_AGAIN}; if the header is right, correct `format` or the contract",
    ),
    "encoding": (
        "it is not text in the declared encoding (found {value}; expected {expected})",
        f"the file in that encoding, {_AGAIN}; or another `encoding` in `format`",
    ),
    "not_readable": (
        "it cannot be read as what is declared (found {value}; expected {expected})",
        f"a whole, readable file, {_AGAIN}",
    ),
    "quote": (
        "its quotes do not match (found {value}; expected {expected})",
        f"the file with its quotes closed, {_AGAIN}; or `quotes: lenient` in `format`",
    ),
    "ragged": (
        "a line has another number of cells (found {value}; expected {expected})",
        f"the file with that number of cells in each line, {_AGAIN}; or `ragged: keep` in `format`",
    ),
    "record_type": (
        "a line is of another type (found {value}; expected {expected})",
        f"the file with such lines only, {_AGAIN}; or another `record` in `format`",
    ),
    "record_length": (
        "a line has another length (found {value}; expected {expected})",
        f"the file with lines of that length, {_AGAIN}; or another `length` in `format`",
    ),
    "trailer_count": (
        "its last line does not fit its records, so it was cut off (found {value}; expected {expected})",
        f"the whole file, {_AGAIN}",
    ),
    "sheet": (
        "it has not the sheet that is meant (found {value}; expected {expected})",
        f"the workbook with that sheet, {_AGAIN}; or another `sheet` in `format`",
    ),
    "too_large": ("it is larger than is read (found {value}; expected {expected})", f"the file in parts, {_AGAIN}"),
    "file_gone": ("it went away while it was read ({value}; expected {expected})", f"the same file, {_AGAIN}"),
}


def file_words(rule: str, value: str | None, expected: str) -> tuple[str, str]:
    """What is wrong with a file, and what would mend it."""
    what, mend = MENDS.get(rule, ("it breaks the rule " + rule + " (found {value}; expected {expected})", "{expected}"))
    facts = {"value": value or "nothing", "expected": expected or "a file as declared"}
    return what.format(**facts), mend.format(**facts)
