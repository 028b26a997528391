"""Names of people, places and things in the sample company, with the letters that break brittle systems."""

from __future__ import annotations

__all__ = [
    "ARTICLES",
    "CATEGORIES",
    "CITIES",
    "FAMILY",
    "FIRMS",
    "FORMS",
    "GIVEN",
    "JOBS",
    "MATERIALS",
    "STREETS",
    "TRADES",
    "ascii_name",
]

GIVEN = (
    "Jürgen", "Zoë", "Anneliese", "Mehmet", "Łukasz", "Chloé", "Søren", "Jörg", "Ağça", "Renée", "Hans-Peter",
    "Małgorzata", "Björn", "Ümit", "Inês", "Käthe", "Matteo", "Noémie", "Åsa", "Günther", "Dörte", "Želko", "Siân",
    "Sándor",
)  # fmt: skip
FAMILY = (
    "Müller", "Groß", "Öztürk", "Łukasik", "Dvořák", "O'Neill", "Brünnhöfer", "Nuñez", "Straßer", "Kučera", "Lindström",
    "Weiß", "Schäfer", "D'Angelo", "Jäger", "Køhler", "Françoise", "Höß", "Ångström", "Ýlmaz", "Kießling",
    "van der Meer",
)  # fmt: skip
FIRMS = (
    "Großhandel GmbH",
    "& Söhne KG",
    "Möbelwerke AG",
    "Bürobedarf OHG",
    "Küchen & Bäder",
    "Frères SA",
    "s.r.o.",
    "Oy",
)
FORMS = ("GmbH", "AG", "KG", "OHG")
TRADES = ("Großhandel", "Möbelwerke", "Bürobedarf", "Küchenbau", "Gartenbau", "Glasbläserei", "Stahlbau", "Ölmühle")
JOBS = ("Einkäuferin", "Geschäftsführer", "Lagerist", "Buchhaltung", "Chef d'équipe", "Disposition", "Aushilfe")
CITIES = (
    ("DE", "Köln"), ("DE", "München"), ("DE", "Görlitz"), ("AT", "Sankt Pölten"), ("CH", "Zürich"), ("PL", "Łódź"),
    ("CZ", "Plzeň"), ("FR", "Besançon"), ("DK", "Århus"), ("NL", "'s-Hertogenbosch"), ("IT", "Forlì"), ("SE", "Malmö"),
)  # fmt: skip
STREETS = ("Königstraße", "Am Mühlgraben", "Rue de l'Église", "Große Gasse", "Plac Wolności", "Vörösmarty tér")
CATEGORIES = ("BUE", "KUE", "BAD", "GAR", "WKZ")
MATERIALS = ("Eichen", "Stahl", "Glas", "Leder", "Bambus", "Säge", "Düsen", "Ölfest", "Weiß", "Grün")
ARTICLES = (
    "schüssel",
    "schrank",
    "bügel",
    "gürtel",
    "schraube M8×40",
    "löffel",
    "stuhl",
    "türgriff",
    "kübel",
    "säckchen",
)

_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "å": "a", "é": "e", "ý": "y"})


def ascii_name(name: str) -> str:
    """The name as an e-mail address may hold it."""
    return "".join(c for c in name.lower().translate(_ASCII) if c.isascii() and c.isalnum())
