"""The tree of errors, under all four rooms; it imports nothing.

TilthError
├── SourceError         a system that data comes from did not give what it should
├── DeclarationError    a YAML declaration, connection or project file is wrong
├── ContractError       a contract (a pandera model) cannot be used
├── LakeError           storage or state: a full disk, a damaged database
├── NotConserved        a table's balances do not add up
├── ReleaseError        the curated file cannot be built, switched or read
├── Busy                another run holds the project's lease
└── MissingExtra        an optional library is not installed

An error carries facts; `lines` is the one place that turns facts into words.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Busy",
    "ContractError",
    "DeclarationError",
    "LakeError",
    "MissingExtra",
    "NotConserved",
    "ReleaseError",
    "SourceError",
    "TilthError",
]


class TilthError(Exception):
    """One problem, told by its facts.

    `what` happened, `where`, what was `expected` and what was `got`, what was `kept`
    (nothing is lost: say so), and the `next` command or step. Never put a secret into a fact.
    """

    usual: ClassVar[str] = ""  # the next step of errors that name none

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", got: str = "", kept: str = "", next: str = ""
    ) -> None:
        self.what, self.where, self.expected, self.got, self.kept, self.next = (
            what,
            where,
            expected,
            got,
            kept,
            next or self.usual,
        )
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The message: the most useful line first, the next step last (SURFACE: messages)."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        facts = [f"{name} {value}" for name, value in (("expected", self.expected), ("got", self.got)) if value]
        lines = [f"{head} ({', '.join(facts)})" if facts else head]
        lines += [f"  {self.kept}"] if self.kept else []
        lines += [f"  next: {self.next}"] if self.next else []
        return lines

    def __reduce__(self) -> tuple[object, ...]:
        facts = {k: getattr(self, k) for k in ("where", "expected", "got", "kept", "next")}
        return _rebuild, (type(self), self.what, facts)


def _rebuild(kind: type[TilthError], what: str, facts: dict[str, str]) -> TilthError:
    return kind(what, **facts)


class SourceError(TilthError):
    """A source is unreachable, refuses, or gives something other than what is declared."""


class DeclarationError(TilthError):
    """A declaration is wrong; `where` is file:line."""

    usual = "tilth check"


class ContractError(TilthError):
    """A contract is wrong; `where` is the class and field."""

    usual = "correct the contract, then the same again"  # with or without a project


class LakeError(TilthError):
    """Storage or state cannot be read or written."""


class NotConserved(TilthError):
    """A balance does not add up; `expected` and `got` carry the equation with its numbers."""


class ReleaseError(TilthError):
    """A release cannot be built, verified, switched or read."""


class Busy(TilthError):
    """Another run is under way; `got` names its host, process and start."""


class MissingExtra(TilthError):
    """An optional library is missing; `next` is the install command."""

    @classmethod
    def of(cls, library: str, extra: str) -> MissingExtra:
        """The error for `library`, which the extra `extra` brings."""
        return cls(f"{library} is not installed", next=f'pip install "tilth[{extra}]"')
