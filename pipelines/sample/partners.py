"""Which of the ERP's customers and the CRM's companies are one and the same, and how one can tell.

Two out of five companies share a customer's VAT number, a quarter only the e-mail domain, a fifth only the name, each
written a little differently on either side; the others are nobody's. A few are traps: a free-mail domain that many
have, a name that two customers have, a domain that leads to another customer than the VAT number (which goes first).
No night changes any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from tilth.pipelines.sample.names import FAMILY, FORMS, TRADES, ascii_name

__all__ = ["FREE_MAIL", "Partner", "Partners", "partners"]

FREE_MAIL = "example.org"
"""The domain of most customers' e-mail addresses, and of some companies."""

_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_BY_VAT, _BY_DOMAIN, _BY_NAME = range(8), range(8, 13), range(13, 17)  # of twenty companies


@dataclass(frozen=True, slots=True)
class Partner:
    """What one side knows of a firm. None: nothing that would tell."""

    name: str | None = None
    domain: str | None = None
    vat_no: str | None = None


@dataclass(frozen=True, slots=True)
class Partners:
    """What is special about some customers (by number), what all companies are called, and who is whom."""

    customers: dict[int, Partner] = field(default_factory=dict[int, Partner])
    companies: dict[int, Partner] = field(default_factory=dict[int, Partner])
    pairs: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])  # company: customer, rule

    @property
    def matches(self) -> Mapping[str, tuple[str, str]]:
        """By the company's key: the customer's key, and the rule that tells."""
        return {f"CO-{company:06}": (str(customer), rule) for company, (customer, rule) in self.pairs.items()}


def partners(seed: int, *, customers: int, companies: int) -> Partners:
    """The firms of that seed; there must be about as many customers as companies, or more."""
    rng, made = Random(f"{seed}/partners"), Partners()
    free = iter(rng.sample(range(1, customers + 1), customers))  # each customer has one part at most
    for number in range(1, companies + 1):
        core = f"{rng.choice(FAMILY)} {rng.choice(TRADES)} {number}"
        form, kind = rng.choice(FORMS), number % 20
        if kind in _BY_VAT:
            _by_vat(made, number, next(free), core, form)
            if number % 40 == 3:  # its domain is another customer's
                made.customers[next(free)] = Partner(domain=_domain(core))
        elif kind in _BY_DOMAIN:
            made.customers[customer := next(free)] = Partner(domain=_domain(core).title())
            made.companies[number] = Partner(f"{core} Holding", _domain(core), _foreign(number))
            made.pairs[number] = customer, "email_domain"
        elif kind in _BY_NAME:
            made.customers[customer := next(free)] = Partner(f"{core} {form}")
            made.companies[number] = Partner(_rewritten(core, form, number), None, _foreign(number))
            made.pairs[number] = customer, "name"
        else:
            _nobody(made, number, core, form)
            if number % 40 == 17:  # two customers have its name
                made.customers[next(free)] = Partner(f"{core} {form}")
                made.customers[next(free)] = Partner(core.translate(_SPELLED).upper())
    return made


def _by_vat(made: Partners, number: int, customer: int, core: str, form: str) -> None:
    """Every other one has name and domain in common, too; the VAT number goes first."""
    vat = f"DE{100_000_000 + number * 7_919}"
    digits = vat[2:]
    written = (vat.lower(), f"DE {digits[:3]} {digits[3:6]} {digits[6:]}", f"DE{digits[:3]}.{digits[3:6]}.{digits[6:]}")
    conflict = number % 40 == 3
    alike = number % 2 == 0 or conflict
    domain = _domain(core) if alike else f"neu-{number}.example"
    name = f"{core} {form}" if alike and not conflict else f"Gruppe {core}"
    made.companies[number] = Partner(name, domain, written[number % 3])
    shared = (f"{core} {form}", domain) if alike and not conflict else (None, None)
    made.customers[customer] = Partner(*shared, vat)
    made.pairs[number] = customer, "vat_number"


def _nobody(made: Partners, number: int, core: str, form: str) -> None:
    domain = FREE_MAIL if number % 20 == 18 else None
    made.companies[number] = Partner(f"{core} {form}", domain, _foreign(number))


def _rewritten(core: str, form: str, number: int) -> str:
    """The same name as somebody else types it."""
    plain = core.translate(_SPELLED)
    return (f"{plain} {form}".upper(), core, core.replace(" ", "  ") + f", {form}", f"{plain} {form}".lower())[
        number % 4
    ]


def _domain(core: str) -> str:
    family, *_, number = core.split()
    return f"{ascii_name(family) or 'firma'}-{number}.example"


def _foreign(number: int) -> str | None:
    """A VAT number that no customer has, or none."""
    return f"ATU{10_000_000 + number}" if number % 3 == 0 else None
