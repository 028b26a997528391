"""Why an answer cannot be used: raised where it is looked at, caught by the engine, told by the connector.

Facts only; whether and when to ask again is decided in `pace`.
"""

from __future__ import annotations

__all__ = ["Failed", "Flaw"]


class Flaw(Exception):
    """One answer, or the lack of one. In `what`, {} stands for what was asked for: `page 7`, `the token`."""

    def __init__(
        self,
        what: str,
        *,
        expected: str = "",
        got: str = "",
        next: str = "",  # {source} stands for the connection's name
        status: int | None = None,
        lasting: bool = False,  # asking again cannot help
        wait_s: float | None = None,  # what the server asks to wait
        astray: bool = False,  # this way through the pages leads nowhere: they are to be read from the first again
        declared: bool = False,  # perhaps it is the declaration that is wrong
    ) -> None:
        super().__init__(what)
        self.what, self.expected, self.got, self.next = what, expected, got, next
        self.status, self.lasting, self.wait_s = status, lasting, wait_s
        self.astray, self.declared = astray, declared


class Failed(Exception):
    """The last flaw of something that was asked for in vain, how often, and for how long."""

    def __init__(self, flaw: Flaw, subject: str, tries: int, seconds: float) -> None:
        super().__init__(flaw.what)
        self.flaw, self.subject, self.tries, self.seconds = flaw, subject, tries, seconds
