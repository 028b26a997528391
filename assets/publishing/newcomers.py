"""Who comes and who stays in a round: what the rules that compare rows with each other look at.

`tilth_live` are the incoming records that nothing refused so far and that change something: not older than what is
published, not equal to it. `tilth_new` are those of them that will stand; `tilth_stays` is what stays published beside
them. Published rows that come again as they are stay, and are not blamed for what a contract learned since.
"""

from __future__ import annotations

from collections.abc import Sequence

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import PULLS, Keyed, older_than, same_content

__all__ = ["begin_round", "group_of", "look_again", "present"]


def begin_round(candidate: Candidate, keyed: Keyed, *, overtaken: bool) -> None:
    """Scratch table `tilth_moot`: incoming records that change nothing, whatever they say."""
    older = older_than(keyed.version, overtaken)
    candidate.run(
        "CREATE OR REPLACE TEMP TABLE tilth_moot AS SELECT r._batch, r._ordinal "
        f"FROM {keyed.meeting()} {PULLS if overtaken else ''} "
        f"WHERE {older} OR (NOT r._deleted AND {same_content(keyed.content)})"
    )


def look_again(candidate: Candidate, keyed: Keyed) -> None:
    """Bring `tilth_live`, `tilth_new` and `tilth_stays` in line with what is refused by now."""
    left_out = " ".join(f"ANTI JOIN {name} USING (_batch, _ordinal)" for name in ("tilth_refused", "tilth_moot"))
    candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_live AS SELECT i.* FROM tilth_incoming i {left_out}")
    candidate.view("tilth_new", "SELECT * FROM tilth_live WHERE NOT _deleted")
    candidate.run(
        f"CREATE OR REPLACE TEMP TABLE tilth_gone AS SELECT c.rowid AS crow FROM {keyed.meeting('tilth_live')}"
    )
    stays = f"SELECT c.* FROM {quoted(keyed.table)} c ANTI JOIN tilth_gone ON tilth_gone.crow = c.rowid"
    candidate.view("tilth_stays", stays)


def present(columns: Sequence[str]) -> str:
    """That none of these is missing."""
    return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)


def group_of(columns: Sequence[str]) -> str:
    """One value that is equal where all of these are."""
    return f"row({', '.join(map(quoted, columns))})" if columns else "0"
