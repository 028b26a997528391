"""Which of several records of a key stands inside one pull: the rules of the model, one key at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["one_per_key"]


def one_per_key(
    records: Sequence[Mapping[str, Any]], key: Sequence[str], content: Sequence[str], version: str | None
) -> list[str]:
    """The newest version wins, equal content is a duplicate, a tie of contents condemns all that tie."""
    outcome = ["?"] * len(records)
    for one in {tuple(record[name] for name in key) for record in records}:
        group = [at for at, record in enumerate(records) if tuple(record[name] for name in key) == one]
        group.sort(key=lambda at: (records[at]["_batch"], records[at]["_ordinal"]))
        rank = {at: -1 if version is None or records[at][version] is None else records[at][version] for at in group}
        top = [at for at in group if rank[at] == max(rank.values())]
        contents = {tuple(records[at][name] for name in content) for at in top}
        for at in group:
            outcome[at] = "superseded" if at not in top else "unique" if len(contents) > 1 else "duplicate"
        if len(contents) == 1:
            outcome[top[0]] = "winner"
    return outcome
