"""What a table that nobody knows says of its rows beside who, when and how much: cancelled, a test, paid back.

Shops name such columns and what stands in them in their own language; the words are those of many. A word that is not
known leaves the row a purchase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

from service.history.zones import zone_named
from service.profiles import plain_name
from service.profiles.words import words_of

PAID_BACK: Final = "paid back"
"""What was bought in the row was given back as a whole."""
PAYS_BACK: Final = "pays back"
"""The row is a refund, whichever sign its amount has."""

_REASONS: Final = ("cancelled", "voided", "failed", "not paid", "test", "deleted", "fraud", PAID_BACK)
_OF_KINDS: Final = ("cancelled", "voided", "failed", "test", "deleted", "fraud", PAYS_BACK)
"""Of columns that say what a row is; "Storno" there is a row that takes another one back, and "Credit" a card."""
_STATE_COLUMNS: Final = """
    status orderstatus paymentstatus financialstatus transactionstatus state orderstate paymentstate itemstatus bestellstatus
    zahlungsstatus zahlstatus auftragsstatus rechnungsstatus belegstatus statut etat etatdelacommande etatcommande statutdelacommande
    statutcommande statutdepaiement statutpaiement estado estadodelpedido estadopedido estadodepago stato statoordine statodellordine
    статус статусзаказа статусоплаты состояние durum siparisdurumu odemedurumu stav stavobjednavky allapot rendelesallapota
    订单状态 状态 付款状态 交易状态 注文状態 注文ステータス ステータス 状態 상태 주문상태 결제상태 statopagamento statusdopedido statuszamowienia orderstatusnaam betaalstatus tilstand mode environment
"""
OF_PLACES_TOO: Final = frozenset(("state", "estado", "stato", "etat", "tilstand", "mode", "environment"))
"""Those names under which a shop also keeps where its customers live: California."""
_KIND_COLUMNS: Final = """
    type kind transactiontype saletype recordtype rowtype linetype entrytype eventtype documenttype doctype movementtype ordertype typ
    art belegart vorgang vorgangsart transaktionsart transaktionstyp buchungsart rechnungsart typedetransaction typetransaction
    typedocument typedevente nature tipo tipodetransaccion tipotransaccion tipodocumento tipotransazione soort transactiesoort rodzaj
    typdokumentu typtransakcji типоперации видоперации типдокумента islemtipi islemturu typdokladu 类型 交易类型 订单类型 種別 取引種別 구분
"""
_ENDINGS: Final = {"status": "state", "statut": "state", "type": "kind", "typ": "kind"}
"""Of names that say it as well: Financial Status, Receipt type."""
_OF_OTHERS: Final = re.compile(r"customer|client|kunde|member|loyal|subscri|abo|email|consent|marketing|account|user")
"""What such a column is of, where it is no order."""
_OF_OTHER_THINGS: Final = re.compile(
    r"method|metod|zahlungsart|zahlart|zahlungsweise|mode|moyen|forma|betaalwijze|tender|channel|kanal|canal|source|quelle|campaign|kampagne"
    r"|categor|kategor|produ|artikel|article|articulo|item|tag|segment|group|grup|name|note|comment|bemerkung"
)
"""What a column is of whose words may be those of states by chance: paid by Rechnung, the campaign Test."""
_QUANTITY_COLUMNS: Final = "quantity qty menge anzahl quantite cantidad quantita aantal ilosc antal units pieces"
_BELOW_ZERO: Final = re.compile(r"[-\u2212]\s?\d+(?:[.,]\d+)?", re.ASCII)
_FLAG_COLUMNS: Final[dict[str, str]] = {
    "cancelled": "cancelled canceled iscancelled iscanceled storno storniert annule annulee geannuleerd anulado annullato cancelado anulowane",
    "voided": "void voided isvoid isvoided",
    "test": "test istest testorder testmode testbestellung",
    "deleted": "deleted isdeleted geloscht",
    "failed": "failed isfailed",
    PAID_BACK: "refunded isrefunded returned isreturned erstattet ruckerstattet rembourse retourniert reembolsado rimborsato terugbetaald",
    PAYS_BACK: "isrefund isreturn isreversal",
}
_EVENT: Final = "purchase event"
_EVENT_COLUMNS: Final = "event eventname eventtype action activity"
_PAID_COLUMNS: Final = (
    "paid ispaid bezahlt paye payee pagado pagata pagato betaald pago oplacone betald betalt zaplaceno odendi оплачен"
)
_MOST_WORDS: Final = 12
"""Different words of a column that says which rows count."""
_TIME_COLUMNS: Final = """
    cancelledat canceledat cancelledon canceledon cancelleddate canceleddate cancellationdate canceldate stornodatum storniertam
    dateannulation datedannulation voidedat deletedat
"""
"""Of what was cancelled, when: empty where it was not."""
CURRENCY_COLUMNS: Final = "currency currencycode ordercurrency wahrung wahrungscode waehrung totalcurrency amountcurrency pricecurrency devise moneda moeda valuta waluta valuutta"
REFUND_COLUMNS: Final = """
    refunded refundedamount amountrefunded refundamount refund refunds totalrefunded orderrefundamount erstattet erstattung
    ruckerstattung erstattungsbetrag rembourse remboursement montantrembourse reembolso reembolsado rimborso rimborsato
    importerimborsato terugbetaald terugbetaling terugbetaaldbedrag
"""
"""Of the amount that was given back of the row's."""
ZONE_COLUMNS: Final = """
    timezone zone tz tzoffset timezoneoffset utcoffset gmtoffset offset tzname zeitzone fuseau fuseauhoraire zonahoraria fusoorario
    tijdzone strefaczasowa
"""
_YES: Final = frozenset(
    ("1", "true", "yes", "y", "ja", "j", "oui", "o", "si", "sí", "x", "wahr", "vrai", "verdadero", "vero", "t", "tak", "sim", "✓", "on")
)  # fmt: skip
_NO: Final = frozenset(
    ("", "0", "false", "no", "n", "nein", "non", "nee", "falsch", "faux", "falso", "f", "off", "none", "null", "-", "nie", "não", "nan")
)  # fmt: skip
_LONGEST_CURRENCY: Final = 4
_THREE_DIGITS: Final = re.compile(r"[+\-\u2212]?\d{3}", re.ASCII)
_KEPT: Final = 10_000
"""Spellings of a column, each looked at once."""


@cache
def _meanings(reasons: tuple[str, ...]) -> dict[str, str]:
    """Word → what it means, of two meanings the later one."""
    words = words_of("states")
    return {_small(word): reason for reason in reasons for word in words[reason]}


def _small(text: str) -> str:
    """In small letters; the dot that is left of a Turkish İ goes."""
    return unicodedata.normalize("NFC", " ".join(text.casefold().split())).replace("\u0307", "")


def is_a_state(text: str) -> bool:
    """Whether a cell says how an order stands, and not where somebody lives."""
    small = _small(text)
    return small in _meanings(("bought",)) or small in _meanings(_REASONS)


def state_of(text: str) -> str:
    """Why an order of that state is no purchase, `PAID_BACK`, or "" = it is one, as far as its word is known."""
    return _meanings(_REASONS).get(_small(text), "")


class Signal:
    """A column that says of its rows whether they are purchases."""

    def __init__(self, place: int, what: str) -> None:
        """`what` is state, kind, time, quantity, or what a flag of the column means."""
        self.place = place
        self.what = what
        self._known: dict[str, str] = {}

    @property
    def is_a_word(self) -> bool:
        """Whether its cells are words that are told, and no times or numbers."""
        return self.what not in {"time", "quantity"}

    def says(self, text: str) -> str:
        """A reason why the row does not count, `PAID_BACK`, `PAYS_BACK`, or "" = nothing."""
        known = self._known.get(text)
        if known is None:
            known = self._look(_small(text))
            if len(self._known) < _KEPT:
                self._known[text] = known
        return known

    def _look(self, text: str) -> str:
        if self.what == "state":
            return _meanings(_REASONS).get(text, "")
        if self.what == "kind":
            return _meanings(_OF_KINDS).get(text, "")
        if self.what == "event":
            is_one = text in _meanings((_EVENT,)) or not text
            return "" if is_one else _meanings(_OF_KINDS).get(text, "no purchase")
        if self.what == "is paid":
            return "not paid" if text in _NO and text else _meanings(_REASONS).get(text, "")
        if self.what == "quantity":
            return PAYS_BACK if _BELOW_ZERO.fullmatch(text) else ""
        if self.what == "time":
            return "" if text in _NO else "cancelled"
        return self.what if text in _YES else _meanings(_REASONS).get(text, "")


def beside(
    names: Mapping[str, Sequence[int]], rows: Sequence[Sequence[str]], at: Mapping[str, int]
) -> tuple[dict[str, int], list[Signal]]:
    """What a table has beside the fields that are known (`at`): the places of currency, zone and what was given back,
    where one column alone is called so, and the columns that say which rows count."""
    taken, found = set(at.values()), {}
    for field, words, holds in (
        ("currency", CURRENCY_COLUMNS, _are_currencies),
        ("zone", ZONE_COLUMNS, _are_zones),
        ("refunded", REFUND_COLUMNS, _are_given_back),
    ):
        if field in at:
            continue
        places = [
            place
            for word in words.split()
            for place in names.get(plain_name(word), ())
            if place not in taken and holds(_cells(place, rows))
        ]
        if len(places) == 1:
            found[field] = places[0]
            taken.add(places[0])
    if "zone" not in {*at, *found}:
        every = {place for places in names.values() for place in places} - taken
        places = [place for place in sorted(every) if _are_named_zones(_cells(place, rows))]
        if len(places) == 1:
            found["zone"] = places[0]
            taken.add(places[0])
    return found, signals_of(names, rows, taken)


def signals_of(names: Mapping[str, Sequence[int]], rows: Sequence[Sequence[str]], taken: set[int]) -> list[Signal]:
    """The columns of a table that say it; `names` are plain names and their places, `taken` places of other fields."""
    found: list[Signal] = []

    def add(words: str, what: str, *, flags: bool = False, only: Callable[[set[str]], bool] | None = None) -> None:
        fits = _are_flags if flags else only
        for word in words.split():
            for place in names.get(plain_name(word), ()):
                if place not in taken and (fits is None or fits(_cells(place, rows))):
                    found.append(Signal(place, what))
                    taken.add(place)

    add(_STATE_COLUMNS, "state")
    add(_KIND_COLUMNS, "kind")
    for ending, what in _ENDINGS.items():
        add(" ".join(name for name in names if name.endswith(ending) and not _OF_OTHERS.search(name)), what)
    add(_QUANTITY_COLUMNS, "quantity")
    add(_TIME_COLUMNS, "time")
    for meaning, words in _FLAG_COLUMNS.items():
        add(words, meaning, flags=True)
    add(_EVENT_COLUMNS, "event", only=_tells_events)
    add(_PAID_COLUMNS, "is paid", flags=True)
    others = {place for name, places in names.items() if _OF_OTHER_THINGS.search(name) for place in places}
    for place in sorted({place for places in names.values() for place in places} - taken - others):
        what = _told_by_words(_cells(place, rows))
        if what:
            found.append(Signal(place, what))
    return found


def _cells(place: int, rows: Sequence[Sequence[str]]) -> set[str]:
    """Those that are filled, in small letters."""
    return {row[place].strip().casefold() for row in rows if place < len(row)} - {""}


def _tells_events(cells: set[str]) -> bool:
    """Whether a column names what people did, a purchase among it."""
    return any(_small(cell) in _meanings((_EVENT,)) for cell in cells)


def _told_by_words(cells: set[str]) -> str:
    """What a column says whose few words all are states or kinds of rows, whatever it is called; "" = it is none."""
    if not 0 < len(cells) <= _MOST_WORDS:
        return ""
    small = set(map(_small, cells))
    kinds, states = _meanings((*_OF_KINDS, "sale")), _meanings((*_REASONS, "bought"))
    if small <= kinds.keys() and any(kinds[cell] == "sale" for cell in small):
        return "kind"
    counts = any(states.get(cell) == "bought" for cell in small)
    return "state" if counts and small <= states.keys() else ""


def _are_flags(cells: set[str]) -> bool:
    return bool(cells) and all(cell in _YES or cell in _NO or cell in _meanings(_REASONS) for cell in cells)


def _are_currencies(cells: set[str]) -> bool:
    return all(len(cell) <= _LONGEST_CURRENCY and not any(map(str.isdigit, cell)) for cell in cells)


def _are_zones(cells: set[str]) -> bool:
    """Three digits alone may be minutes, or an hour and minutes."""
    return bool(cells) and all(not _THREE_DIGITS.fullmatch(cell) and zone_named(cell) is not None for cell in cells)


def _are_named_zones(cells: set[str]) -> bool:
    """Full names of zones, as no other column has: America/New_York, Eastern Time (US & Canada)."""
    return bool(cells) and all(
        len(cell) > _LONGEST_CURRENCY and cell[0].isalpha() and zone_named(cell) is not None for cell in cells
    )


def _are_given_back(cells: set[str]) -> bool:
    """Amounts, and no flags: of a column of noughts it is not known, and nothing is taken off by one."""
    return (cells <= {"0"} or not _are_flags(cells)) and all(any(map(str.isdigit, cell)) for cell in cells)
