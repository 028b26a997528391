"""What the sample company writes down: product sheets, terms, a handbook, mails, price notes; the same for a seed.

A text knows nothing of the format it is written in. Its letters are those of Western Europe: the plain fonts of PDF
have no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tilth.pipelines.sample.names import ARTICLES, MATERIALS

__all__ = ["Block", "Text", "handbook", "letter", "price_note", "product", "terms"]


@dataclass(frozen=True, slots=True)
class Block:
    """One piece: `title` with its level, `text`, `list_item`, or `table` with its rows."""

    kind: str
    text: str = ""
    level: int | None = None
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A whole document; its first block is its title."""

    title: str
    blocks: tuple[Block, ...]


_USES = (
    "Der Artikel ist für den täglichen Einsatz in Werkstatt und Küche gemacht und lässt sich ohne Werkzeug montieren.",
    "Die Oberfläche ist geölt, sie verträgt Feuchtigkeit und wird mit einem weichen Tuch gereinigt.",
    "Für größere Mengen, z. B. ab 250 Stück, gilt eine Lieferzeit von 3 bis 5 Werktagen ab Auftragsbestätigung.",
    "Die zulässige Belastung beträgt 120 kg; sie darf auch kurzzeitig nicht überschritten werden.",
    "Ersatzteile sind mindestens zehn Jahre lang lieferbar und stehen unter Nr. 7 der Preisliste.",
    "Im Außenbereich empfehlen wir zusätzlich den Überzug aus ölfestem Gewebe.",
    "Verpackt wird in Mehrwegkisten, die wir bei der nächsten Lieferung kostenlos zurücknehmen.",
)
_PARTS = ("Grundkörper", "Schraubensatz M8×40", "Montageanleitung", "Filzgleiter", "Schlüssel", "Wandhalter", "Dübel")
_WARNINGS = (
    "Vor der Montage die Tragfähigkeit der Wand prüfen.",
    "Verletzungsgefahr durch scharfe Kanten: Handschuhe tragen.",
    "Kleinteile von Kindern fernhalten.",
)
_CLAUSES = {
    "Geltungsbereich": (
        "Diese Bedingungen gelten für alle Lieferungen an Wiederverkäufer im In- und Ausland.",
        "Abweichende Bedingungen des Käufers werden nicht Vertragsinhalt, auch wenn wir ihnen nicht widersprechen.",
        "Sie gelten auch für künftige Geschäfte, ohne dass wir in jedem Einzelfall auf sie hinweisen müssen.",
    ),
    "Angebot und Vertragsschluss": (
        "Unsere Angebote sind freibleibend. Ein Vertrag kommt mit unserer schriftlichen Auftragsbestätigung zustande.",
        "Maße, Gewichte und Abbildungen in Katalogen sind nur annähernd maßgebend.",
    ),
    "Preise und Zahlung": (
        "Die Preise verstehen sich ab Lager Görlitz zuzüglich der gesetzlichen Umsatzsteuer.",
        "Rechnungen sind in 30 Tagen ohne Abzug zahlbar; bei Zahlung binnen 10 Tagen gewähren wir 2 % Skonto.",
        "Gerät der Käufer in Verzug, so schuldet er Zinsen von 9 Prozentpunkten über dem Basiszinssatz.",
    ),
    "Lieferung und Gefahrübergang": (
        "Lieferfristen beginnen mit der Klärung aller technischen Fragen und dem Eingang der vereinbarten Anzahlung.",
        "Die Gefahr geht mit der Übergabe an den Frachtführer auf den Käufer über, auch bei frachtfreier Lieferung.",
        "Teillieferungen sind zulässig, soweit sie dem Käufer zumutbar sind.",
    ),
    "Eigentumsvorbehalt": (
        "Die Ware bleibt bis zur vollständigen Bezahlung aller Forderungen unser Eigentum.",
        "Der Käufer darf sie im ordentlichen Geschäftsgang weiterverkaufen; er tritt uns die Forderungen daraus ab.",
    ),
    "Mängelrechte": (
        "Offensichtliche Mängel sind unverzüglich, spätestens aber innerhalb von 8 Tagen schriftlich anzuzeigen.",
        "Bei berechtigten Rügen bessern wir nach oder liefern Ersatz; hilft das nicht, kann der Käufer mindern.",
        "Mängelansprüche verjähren in zwölf Monaten ab Ablieferung.",
    ),
    "Haftung": (
        "Wir haften unbeschränkt für Vorsatz und grobe Fahrlässigkeit sowie für Schäden an Leben und Gesundheit.",
        "Im Übrigen ist die Haftung auf den vorhersehbaren, vertragstypischen Schaden begrenzt.",
    ),
    "Schlussbestimmungen": (
        "Erfüllungsort und Gerichtsstand ist Görlitz. Es gilt deutsches Recht unter Ausschluss des UN-Kaufrechts.",
        "Sollte eine Bestimmung unwirksam sein, so bleibt die Wirksamkeit der übrigen davon unberührt.",
    ),
}
_TASKS = {
    "Wareneingang": ("Lieferschein und Bestellung vergleichen", "Kisten auf Schäden prüfen", "Menge im ERP buchen"),
    "Kommissionierung": ("Auftrag am Terminal öffnen", "Artikel in der Reihenfolge der Gänge holen", "Etikett drucken"),
    "Versand": ("Gewicht prüfen", "Frachtbrief ausfüllen", "Abholung beim Spediteur anmelden"),
    "Inventur": ("Gang sperren", "Zweimal zählen, jedes Mal jemand anderes", "Differenzen über 2 % melden"),
    "Rechnungsprüfung": ("Preis mit der Preisliste vergleichen", "Skonto abziehen", "Freigabe eintragen"),
    "Reklamation": ("Foto des Schadens ablegen", "Charge notieren", "Ersatz oder Gutschrift vorschlagen"),
    "Arbeitsschutz": ("Schuhe mit Stahlkappe tragen", "Wege freihalten", "Unfälle sofort melden"),
    "Stammdaten": ("Dubletten suchen", "Schreibweise vereinheitlichen", "Änderung mit Datum begründen"),
    "Schichtübergabe": ("Offene Aufträge nennen", "Störungen eintragen", "Schlüssel übergeben"),
    "Gefahrgut": ("Kennzeichnung prüfen", "Menge je Regal begrenzen", "Datenblatt aushängen"),
    "Leihpaletten": ("Anzahl auf dem Schein notieren", "Beschädigte aussortieren", "Saldo monatlich abgleichen"),
    "Retouren": ("Grund der Rückgabe erfassen", "Ware getrennt lagern", "Gutschrift binnen 5 Tagen erstellen"),
}
_REASONS = (
    "Im Tagesgeschäft gehen die meisten Fehler hier verloren, deshalb gilt die Reihenfolge ohne Ausnahme.",
    "Wer unsicher ist, fragt die Schichtleitung, bevor er bucht.",
    "Rückfragen beantwortet das Büro unter der Nummer 0358 1234-0, auch am Samstag.",
)


def product(seed: int, number: int) -> Text:
    """The sheet of one article."""
    rng = Random(f"{seed}/product/{number}")
    sku, name = f"A-{number:06}", f"{rng.choice(MATERIALS)}{rng.choice(ARTICLES)}"
    facts = (
        ("Merkmal", "Wert", "Einheit"),
        ("Gewicht", f"{rng.randrange(1, 40)},{rng.randrange(10)}", "kg"),
        ("Höhe", str(rng.randrange(50, 900)), "mm"),
        ("Breite", str(rng.randrange(50, 900)), "mm"),
        ("Belastung", f"{rng.randrange(1, 3)}.{rng.randrange(100, 999)}", "N"),
    )
    title = f"Produktblatt {sku}: {name}"
    return Text(
        title,
        (
            Block("title", title, 1),
            Block("title", "Beschreibung", 2),
            *(Block("text", " ".join(rng.sample(_USES, 3))) for _ in range(2)),
            Block("title", "Technische Daten", 2),
            Block("table", rows=facts),
            Block("title", "Lieferumfang", 2),
            *(Block("list_item", part) for part in rng.sample(_PARTS, 4)),
            Block("title", "Sicherheit", 2),
            Block("text", " ".join(_WARNINGS)),
        ),
    )


def terms(seed: int, name: str, edition: str) -> Text:
    """Terms of several pages; another `edition` says other things."""
    rng = Random(f"{seed}/terms/{name}/{edition}")
    blocks = [Block("title", f"{name} ({edition})", 1)]
    for number, (heading, clauses) in enumerate(_CLAUSES.items(), 1):
        blocks.append(Block("title", f"{number}. {heading}", 2))
        blocks += [Block("text", " ".join(rng.sample(clauses, len(clauses)))) for _ in range(rng.randrange(2, 5))]
    return Text(blocks[0].text, tuple(blocks))


def handbook(seed: int, chapter: int) -> tuple[str, Text]:
    """A chapter of the handbook, from 0 on: its subject, and what it says."""
    rng = Random(f"{seed}/handbook/{chapter}")
    subject, steps = list(_TASKS.items())[chapter]
    times = [("Schritt", "Dauer"), *((step, f"{rng.randrange(2, 40)} min") for step in steps)]
    title = f"Handbuch: {subject}"
    blocks = (
        Block("title", title, 1),
        Block("text", " ".join(rng.sample(_REASONS, 2))),
        Block("title", "Ablauf", 2),
        *(Block("list_item", step) for step in steps),
        Block("title", "Zeiten", 2),
        Block("table", rows=tuple(times)),
        Block("title", "Hinweise", 2),
        Block("text", f"{rng.choice(_REASONS)} Diese Fassung gilt ab dem {rng.randrange(1, 29)}. März 2025."),
    )
    return subject, Text(title, blocks)


def letter(seed: int, number: int) -> Text:
    """What a mail says; its title is the subject."""
    rng = Random(f"{seed}/letter/{number}")
    order = rng.randrange(10_000, 99_999)
    return Text(
        f"Auftrag {order}: Unterlagen",
        (
            Block("text", "Guten Tag,"),
            Block("text", f"zum Auftrag {order} erhalten Sie anbei die Unterlagen. {rng.choice(_USES)}"),
            Block("text", rng.choice(_REASONS)),
            Block("text", "Mit freundlichen Grüßen"),
        ),
    )


def price_note(seed: int, number: int) -> Text:
    """A note on prices, without headings."""
    rng = Random(f"{seed}/prices/{number}")
    rise = f"{rng.randrange(1, 6)},{rng.randrange(1, 10)} %"
    first = (
        f"Ab dem 1. Dezember 2025 steigen die Preise der Gruppe {number} um {rise}. Bestellungen davor bleiben gleich."
    )
    items = (
        f"Artikel A-{rng.randrange(1, 400):06}: {rng.randrange(5, 90)},{rng.randrange(10, 99)} EUR" for _ in range(4)
    )
    return Text(first, (Block("text", first), *(Block("list_item", item) for item in items), Block("text", _USES[4])))
