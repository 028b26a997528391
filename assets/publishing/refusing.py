"""One round settled by all the rules that need other rows: who of the newcomers is refused, and why.

Refusals go to the scratch table `tilth_refused`. A refused update leaves its last good version in place, which then
counts again, and a refused row is no longer there for others to follow: so the rules are asked until nothing is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.circles import Circle
from tilth.assets.publishing.dependencies import refuse_contradicting
from tilth.assets.publishing.merge import Keyed
from tilth.assets.publishing.newcomers import begin_round, look_again
from tilth.assets.publishing.rivals import refuse_rivals
from tilth.assets.publishing.sequences import refuse_after_gaps, refuse_disordered
from tilth.assets.publishing.settle import begin_settling, refuse_orphans, refuse_repeated
from tilth.assets.publishing.totals import Totals
from tilth.assets.publishing.transitions import refuse_transitions
from tilth.schemas.judging import Quality
from tilth.schemas.relations import GAP, Ascending, FunctionalDependency
from tilth.schemas.spec import Severity, Spec

__all__ = ["Settling", "counted", "named", "refuse_after_all_gaps", "refuse_among_rows", "warn_among_rows"]

Named = tuple[str, str, Severity]
"""Rule, column, severity."""


@dataclass(frozen=True, slots=True)
class Settling:
    """The rules of one table, and what they are asked of."""

    candidate: Candidate
    keyed: Keyed
    spec: Spec
    totals: Totals
    circle: Circle

    def refuse(self, *, overtaken: bool, waived: bool = False, tentative: bool = False) -> int:
        """Refuse what the rules blame among `tilth_incoming`; how many refusals. A waiver silences declared rules.

        `tentative`: nobody comes in if anybody is blamed, so the circle is not told of those who are.
        """
        begin_settling(self.candidate)
        self.totals.came(self.keyed)
        found = self._orphans() + (refuse_rivals(self.candidate) if overtaken else 0)
        looks = self._looks and not waived
        if looks:
            begin_round(self.candidate, self.keyed, overtaken=overtaken)
            self._look()
            found += self.totals.refuse(self.keyed, into="tilth_refused") + self._changes("tilth_refused", "error")
        while True:
            again = refuse_after_all_gaps(self.candidate, self.spec, self._look) if looks else 0
            again += refuse_repeated(self.candidate, self.keyed, self.spec.unique)
            again += refuse_among_rows(self.candidate, self.spec, self._look) if looks else 0
            again += 0 if tentative else self._followers()
            found += again
            if not again:
                self.circle.asked(self.keyed.table)
                return found

    def _followers(self) -> int:
        """In a circle: refuse those that refer to a row which is refused by now."""
        return self._orphans() if self.circle.lose(self.keyed.table) else 0

    def _orphans(self) -> int:
        return refuse_orphans(self.candidate, self.keyed.table, self.spec.columns, self.circle)

    def note(self) -> None:
        """Tell the totals of the newcomers that were not refused."""
        if self.totals.of(self.keyed.table):
            self.totals.note(self.keyed)

    def _look(self) -> None:
        look_again(self.candidate, self.keyed)

    @property
    def _looks(self) -> bool:
        """Whether some rule compares newcomers with what stays."""
        changing = any(c.transitions is not None or c.initial is not None for c in self.spec.columns)
        return changing or bool(_rules(self.spec)) or bool(self.totals.of(self.keyed.table))

    @property
    def waits_for_rows(self) -> bool:
        """Whether records may wait for other rows of their own table."""
        return any(isinstance(rule, Ascending) and rule.gapless for rule in _rules(self.spec, "error"))

    def _changes(self, into: str, severity: Severity) -> int:
        columns = [c for c in self.spec.columns if c.severity == severity]
        changing = [c for c in columns if c.transitions is not None or c.initial is not None]
        return sum(refuse_transitions(self.candidate, self.keyed, column, into) for column in changing)

    def quality(self) -> Iterator[Quality]:
        """How often each rule was asked in this round, and how often it failed; those that only warn are asked now."""
        rules = [*self._named()]
        if not rules:
            return
        asked = self.candidate.number("SELECT count(*) FROM tilth_incoming_all WHERE NOT _deleted")
        begin_settling(self.candidate, "tilth_warned")
        if self._looks:
            self._changes("tilth_warned", "warn")
            warn_among_rows(self.candidate, self.spec)
        for rule in rules:
            yield counted(self.candidate, *rule, asked)

    def _named(self) -> Iterator[Named]:
        """Rule, column and severity of all that is asked when a table is settled."""
        for column in self.spec.columns:
            if column.references is not None:
                yield "reference", column.name, "error"
            if column.transitions is not None or column.initial is not None:
                yield "transition", column.name, column.severity
        for columns in self.spec.unique:
            yield "unique", ",".join(columns), "error"
        yield from named(self.spec)
        for one in self.totals.of(self.keyed.table):
            if one.rule.severity == "error":
                column = one.rule.column if self.keyed.table == one.parent else one.rule.amount
                yield one.rule.name, column, "error"


def refuse_after_all_gaps(
    candidate: Candidate, spec: Spec, look: Callable[[], None], into: str = "tilth_refused"
) -> int:
    """Records that wait for a number come first: nobody else is to be blamed for them. `look`: see below."""
    found = 0
    for rule in _rules(spec, "error"):
        if isinstance(rule, Ascending) and rule.gapless:
            look()
            found += refuse_after_gaps(candidate, rule, into)
    return found


def refuse_among_rows(candidate: Candidate, spec: Spec, look: Callable[[], None], into: str = "tilth_refused") -> int:
    """One look at the dependencies and sequences; `look` brings `tilth_new` in line with what is refused by now."""
    found = 0
    for rule in _rules(spec, "error"):
        look()
        found += _asked(candidate, rule, into)
    look()
    return found


def warn_among_rows(candidate: Candidate, spec: Spec) -> None:
    """Put what rules that only warn find among `tilth_new` into the scratch table `tilth_warned`."""
    for rule in _rules(spec, "warn"):
        _asked(candidate, rule, "tilth_warned")
        if isinstance(rule, Ascending) and rule.gapless:
            refuse_after_gaps(candidate, rule, "tilth_warned")


def _asked(candidate: Candidate, rule: FunctionalDependency | Ascending, into: str) -> int:
    if isinstance(rule, FunctionalDependency):
        return refuse_contradicting(candidate, rule, into)
    return refuse_disordered(candidate, rule, into)


def _rules(spec: Spec, severity: Severity | None = None) -> list[FunctionalDependency | Ascending]:
    among = [rule for rule in spec.rules if isinstance(rule, FunctionalDependency | Ascending)]
    return [rule for rule in among if severity in (None, rule.severity)]


def named(spec: Spec) -> Iterator[Named]:
    """The rules among rows, as they are counted."""
    for rule in _rules(spec):
        columns = ",".join(rule.shown)
        yield rule.name, columns, rule.severity
        if isinstance(rule, Ascending) and rule.gapless:
            yield GAP, columns, rule.severity


def counted(
    candidate: Candidate, rule: str, column: str, severity: Severity, asked: int, refused: str = "tilth_refused"
) -> Quality:
    """How many records a rule refused, or warned of, among so many."""
    scratch = refused if severity == "error" else "tilth_warned"
    places = f'SELECT DISTINCT _batch, _ordinal FROM {scratch} WHERE "rule" = ? AND "column" = ?'
    return Quality(rule, column, severity, asked, candidate.number(f"SELECT count(*) FROM ({places})", [rule, column]))
