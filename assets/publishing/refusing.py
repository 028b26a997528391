"""One round settled by all the rules that need other rows: who of the newcomers is refused, and why.

Refusals go to the scratch table `tilth_refused`. A refused update leaves its last good version in place, which then
counts again, and a refused row is no longer there for others to follow: so the rules are asked until nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.dependencies import refuse_contradicting
from tilth.assets.publishing.merge import Keyed
from tilth.assets.publishing.newcomers import begin_round, look_again
from tilth.assets.publishing.sequences import refuse_after_gaps, refuse_disordered
from tilth.assets.publishing.settle import begin_settling, refuse_orphans, refuse_repeated
from tilth.assets.publishing.totals import Totals
from tilth.assets.publishing.transitions import refuse_transitions
from tilth.schemas.judging import Quality
from tilth.schemas.relations import GAP, Ascending, FunctionalDependency
from tilth.schemas.spec import Severity, Spec

__all__ = ["Settling"]


@dataclass(frozen=True, slots=True)
class Settling:
    """The rules of one table, and what they are asked of."""

    candidate: Candidate
    keyed: Keyed
    spec: Spec
    totals: Totals
    also: Mapping[str, str] | None  # see `settle.refuse_orphans`

    def refuse(self, *, overtaken: bool, waived: bool = False) -> int:
        """Refuse what the rules blame among `tilth_incoming`; how many refusals. A waiver silences declared rules."""
        begin_settling(self.candidate)
        found = refuse_orphans(self.candidate, self.spec.columns, also=self.also)
        if waived or not self._looks:
            return found + refuse_repeated(self.candidate, self.keyed, self.spec.unique)
        begin_round(self.candidate, self.keyed, overtaken=overtaken)
        look_again(self.candidate, self.keyed)
        found += self.totals.refuse(self.keyed, into="tilth_refused") + self._changes("tilth_refused", "error")
        while True:
            again = self._gaps() + refuse_repeated(self.candidate, self.keyed, self.spec.unique) + self._among_rows()
            found += again
            if not again:
                return found

    def note(self) -> None:
        """Tell the totals of the newcomers that were not refused."""
        if self.totals.of(self.keyed.table):
            self.totals.note(self.keyed)

    @property
    def _looks(self) -> bool:
        """Whether some rule compares newcomers with what stays."""
        changing = any(c.transitions is not None or c.initial is not None for c in self.spec.columns)
        return changing or any(self._rules()) or bool(self.totals.of(self.keyed.table))

    def _rules(self, severity: Severity | None = None) -> Iterator[FunctionalDependency | Ascending]:
        for rule in self.spec.rules:
            if isinstance(rule, FunctionalDependency | Ascending) and severity in (None, rule.severity):
                yield rule

    @property
    def waits_for_rows(self) -> bool:
        """Whether records may wait for other rows of their own table."""
        return any(isinstance(rule, Ascending) and rule.gapless for rule in self._rules("error"))

    def _changes(self, into: str, severity: Severity) -> int:
        columns = [c for c in self.spec.columns if c.severity == severity]
        changing = [c for c in columns if c.transitions is not None or c.initial is not None]
        return sum(refuse_transitions(self.candidate, self.keyed, column, into) for column in changing)

    def _gaps(self) -> int:
        """Records that wait for a number come first: nobody else is to be blamed for them."""
        found = 0
        for rule in self._rules("error"):
            if isinstance(rule, Ascending) and rule.gapless:
                look_again(self.candidate, self.keyed)
                found += refuse_after_gaps(self.candidate, rule, "tilth_refused")
        return found

    def _among_rows(self) -> int:
        """One look at the dependencies and sequences."""
        found = 0
        for rule in self._rules("error"):
            look_again(self.candidate, self.keyed)
            found += self._asked(rule, "tilth_refused")
        look_again(self.candidate, self.keyed)
        return found

    def _asked(self, rule: FunctionalDependency | Ascending, into: str) -> int:
        if isinstance(rule, FunctionalDependency):
            return refuse_contradicting(self.candidate, rule, into)
        return refuse_disordered(self.candidate, rule, into)

    def quality(self) -> Iterator[Quality]:
        """How often each rule was asked in this round, and how often it failed; those that only warn are asked now."""
        asked = self.candidate.number("SELECT count(*) FROM tilth_incoming_all WHERE NOT _deleted")
        begin_settling(self.candidate, "tilth_warned")
        if self._looks:
            self._changes("tilth_warned", "warn")
            for rule in self._rules("warn"):
                self._asked(rule, "tilth_warned")
                if isinstance(rule, Ascending) and rule.gapless:
                    refuse_after_gaps(self.candidate, rule, "tilth_warned")
        for name, column, severity in self._named():
            scratch = "tilth_refused" if severity == "error" else "tilth_warned"
            failed = self.candidate.number(
                f'SELECT count(*) FROM (SELECT DISTINCT _batch, _ordinal FROM {scratch} WHERE "rule" = ? '
                'AND "column" = ?)',
                [name, column],
            )
            yield Quality(name, column, severity, asked, failed)

    def _named(self) -> Iterator[tuple[str, str, Severity]]:
        """Rule, column and severity of all that is asked when a table is settled."""
        for column in self.spec.columns:
            if column.references is not None:
                yield "reference", column.name, "error"
            if column.transitions is not None or column.initial is not None:
                yield "transition", column.name, column.severity
        for columns in self.spec.unique:
            yield "unique", ",".join(columns), "error"
        for rule in self._rules():
            columns = ",".join(rule.shown)
            yield rule.name, columns, rule.severity
            if isinstance(rule, Ascending) and rule.gapless:
                yield GAP, columns, rule.severity
        for one in self.totals.of(self.keyed.table):
            if one.rule.severity == "error":
                column = one.rule.column if self.keyed.table == one.parent else one.rule.amount
                yield one.rule.name, column, "error"
