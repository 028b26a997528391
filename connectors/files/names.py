"""The names of columns as a header row gives them."""

from __future__ import annotations

from collections.abc import Sequence

from tilth.connectors.files.refused import Refused

__all__ = ["column_names"]


_UNSEEN = {0xFEFF: None, 0x200B: None, 0x2060: None, 0x200E: None, 0x200F: None, 0x00AD: None}


def column_names(
    cells: Sequence[str], declared: Sequence[str], *, first: int = 1, taken: Sequence[str] = ()
) -> tuple[str, ...]:
    """The header's names, `column_N` where there is none (N counts from `first`); every declared one must be there.

    Marks that nobody sees (a byte order mark, zero-width blanks) are not part of a name.
    """
    names = tuple(cell.translate(_UNSEEN).strip() or f"column_{number}" for number, cell in enumerate(cells, first))
    twice = next((name for at, name in enumerate(names) if name in names[:at] or name in taken), None)
    if twice:
        raise Refused("header", "each name once", column=twice, value=_short(names))
    missing = next((name for name in declared if name not in names), None)
    if missing:
        raise Refused("header", f"a column {missing}", column=missing, value=_short(names))
    return names


def _short(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return text if len(text) <= 200 else f"{text[:200]}…"
