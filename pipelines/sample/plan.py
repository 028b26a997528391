"""The whole story of the sample company, made from a seed: its history, what each night changes, and the truth.

Nothing is started or written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tilth.pipelines.sample.crm_nights import TABLES, Crm, crm
from tilth.pipelines.sample.erp_changes import Erp
from tilth.pipelines.sample.erp_first import first
from tilth.pipelines.sample.erp_nights import second, third
from tilth.pipelines.sample.erp_rows import COLUMNS, History
from tilth.pipelines.sample.ledger import Drop, ledger
from tilth.pipelines.sample.library import Library, tell
from tilth.pipelines.sample.prices import prices
from tilth.pipelines.sample.shipments import shipments
from tilth.pipelines.sample.truth import Truth

__all__ = ["EXITS", "NIGHTS", "Night", "Plan", "plan"]

NIGHTS = 3
_OTHERS = ("ledger", "shipments", "prices", "documents")
EXITS = (0, 3, 0)
"""How `tilth run` is to end in each night: in the second, two sources are down."""


@dataclass(frozen=True, slots=True)
class Night:
    """What the systems hold in one night."""

    erp: Erp  # in the first night its planted records, later what changes
    legacy: Sequence[Drop]
    pricing: Sequence[Drop] | None  # None: the share is down
    crm: Crm | None  # None: the CRM is down
    library: Library


@dataclass(frozen=True, slots=True)
class Plan:
    """The story; `truth` is the text of `truth.json`."""

    history: History
    nights: Mapping[int, Night]
    truth: str

    @property
    def matches(self) -> Mapping[str, tuple[str, str]]:
        """CRM company → ERP customer and the rule that tells: the first of `vat_number`, `email_domain` and `name`.

        Of all good companies; those that are not here have no customer. It is the same in every night: what tells of a
        match is never changed, and neither are those companies and customers deleted or refused.
        """
        return self.history.partners.matches


def plan(*, seed: int, lines: int) -> Plan:
    """The story of `seed` with `lines` ordinary order lines; the same for the same arguments, byte for byte."""
    history = History(seed, lines)
    truth = Truth(seed=seed, lines=lines, tables=(*COLUMNS, *_OTHERS, *TABLES))
    for table in COLUMNS:
        truth[table].inserted(history.keys(table))
    nights: dict[int, Night] = {}
    for number in range(1, NIGHTS + 1):
        nights[number] = _night(number, truth, history)
        truth.close(number, exit=EXITS[number - 1], derived=_derived(truth, history))
    return Plan(history, nights, truth.to_json())


def _night(number: int, truth: Truth, history: History) -> Night:
    rows = max(60, history.lines // 400)
    erp = first(truth, history) if number == 1 else second(truth, history) if number == 2 else third(truth)
    legacy = [
        *ledger(number, truth["ledger"], seed=history.seed, rows=rows),
        *shipments(number, truth["shipments"], seed=history.seed, rows=rows, orders=history.orders),
    ]
    pricing = prices(number, truth["prices"], rows=rows)
    tell(number, truth["documents"], seed=history.seed)
    return Night(erp, legacy, pricing, crm(number, truth, history), Library(history.seed, number))


def _derived(truth: Truth, history: History) -> Mapping[str, set[str]]:
    """The keys of the tables that are made from others, as this night leaves them."""
    links = history.partners.matches
    alone = truth["companies"].current - links.keys()
    parties = {f"erp:{key}" for key in truth["customers"].current} | {f"crm:{key}" for key in alone}
    return {"order_revenue": _with_revenue(truth), "customer_links": {*links}, "one_customer": parties}


def _with_revenue(truth: Truth) -> set[str]:
    """Published orders that have a published line. Customers of published orders never leave."""
    with_lines = {key.split('"', 2)[1] for key in truth["order_lines"].current}
    return truth["orders"].current & with_lines
