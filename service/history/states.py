"""What a table that nobody knows says of its rows beside who, when and how much: cancelled, a test, paid back.

Shops name such columns and what stands in them in their own language; the words are those of many. A word that is not
known leaves the row a purchase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from service.history.zones import zone_named
from service.profiles import plain_name

PAID_BACK: Final = "paid back"
"""What was bought in the row was given back as a whole."""
PAYS_BACK: Final = "pays back"
"""The row is a refund, whichever sign its amount has."""

_STATES: Final[dict[str, str]] = {
    "cancelled": """
        cancelled|canceled|cancel|storniert|storno|annulliert|abgebrochen|annulé|annulée|annule|annulee|geannuleerd|cancelado|cancelada
        |anulado|anulada|annullato|annullata|anulowane|anulowany|anulowano|avbruten|avbeställd|annulleret|annullert|avbestilt|peruutettu
        |отменен|отменён|отменено|отмененный|аннулирован|iptal|iptal edildi|zrušeno|zrušena|zrušená|zrušené|stornováno|törölve|visszavonva
        |已取消|取消|交易关闭|已关闭|キャンセル|キャンセル済み|取消済み|취소|취소됨|취소완료|已作废
        |wc-cancelled|cancelled by customer|cancelled by user|vom kunden storniert
    """,
    "voided": "void|voided",
    "failed": """
        failed|failure|declined|denied|rejected|payment failed|payment error|fehlgeschlagen|abgelehnt|zahlung fehlgeschlagen|échoué|échouée
        |échec|refusé|refusée|erreur de paiement|mislukt|geweigerd|fallido|fallida|rechazado|rechazada|fallito|fallita|rifiutato|rifiutata
        |не удался|ошибка оплаты|отклонен|отклонён|başarısız|reddedildi|neúspěšná|zamítnuto|sikertelen|支付失败|付款失败|失败|失敗|決済失敗|실패
        |nieudane|nieudana|odrzucone|odrzucona|falhou|recusado|recusada|misslyckad|mislykket|wc-failed
    """,
    "not paid": """
        pending payment|payment pending|awaiting payment|pending_payment|awaiting_payment|wc-pending|expired|abandoned|draft|checkout-draft
        |incomplete|unpaid|not paid|awaiting|quote|quotation|estimate|proforma|pro forma|angebot|unbezahlt|nicht bezahlt|impayé|impayée|non payé
        |devis|onbetaald|offerte|impagado|no pagado|presupuesto|non pagato|preventivo|nieopłacone|não pago|obetald|ubetalt|zahlung ausstehend|wartet auf zahlung|entwurf|abgelaufen|en attente de paiement|en attente paiement|brouillon|expirée
        |wachtend op betaling|in afwachting van betaling|pendiente de pago|in attesa di pagamento|oczekuje na płatność|oczekujące na płatność
        |ожидает оплаты|не оплачен|неоплачен|ödeme bekleniyor|čeká na platbu|nezaplaceno|fizetésre vár|待付款|未付款|等待买家付款|未払い|入金待ち
        |支払い待ち|결제대기|입금대기|aguardando pagamento|väntar på betalning|afventer betaling
    """,
    "test": "test|test order|testbestellung|commande test|sandbox",
    "deleted": "trash|trashed|deleted|gelöscht|supprimé|supprimée|verwijderd|eliminado|eliminato|usunięte",
    "fraud": "fraud|suspected fraud|betrug",
    PAID_BACK: """
        refunded|fully refunded|returned|chargeback|charged back|charge back|charged_back|disputed lost|rückbelastet|rückbuchung
        |wc-refunded|erstattet|rückerstattet|zurückerstattet|retourniert|remboursé|remboursée|retourné
        |retournée|reembolsado|reembolsada|devuelto|devuelta|rimborsato|rimborsata|reso|terugbetaald|geretourneerd|zwrócone|zwrócono
        |återbetald|refunderet|возвращен|возвращён|возврат|возврат средств|iade|iade edildi|vráceno|visszatérítve|已退款|退款成功|已退货|返金済み|返品
        |返金|환불|환불완료
    """,
}
_KINDS: Final[dict[str, str]] = {
    **{reason: _STATES[reason] for reason in ("cancelled", "voided", "failed", "test", "deleted", "fraud")},
    PAYS_BACK: """
        refund|refunds|return|returns|credit note|credit memo|creditnote|sales return|returned|refunded|chargeback|reversal
        |gutschrift|rückgabe|retoure|erstattung|rückerstattung|rücknahme|rückzahlung|storno|stornorechnung|rechnungskorrektur|avoir
        |remboursement|retour|note de crédit|reembolso|devolución|nota de crédito|rimborso|reso|nota di credito|terugbetaling
        |возврат|сторно|iade|iade faturası|vratka|dobropis|visszáru|退款|退货|返品|返金|환불|creditnota|retourzending|zwrot|estorno|devolução|retur|kreditnota|återbetalning|refundering
    """,
}
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


_GOOD: Final = """
        paid|complete|completed|delivered|shipped|fulfilled|processing|processed|open|closed|pending|on hold|new|active|success|succeeded
        |captured|settled|approved|accepted|dispatched|sent|invoiced|live|production|bezahlt|abgeschlossen|versendet|versandt|geliefert|erledigt
        |offen|in bearbeitung|neu|payé|payée|livré|livrée|expédié|expédiée|terminé|terminée|en cours|pagado|pagada|completado|completada
        |enviado|enviada|entregado|entregada|pendiente|pagato|pagata|completato|completata|spedito|spedita|consegnato|consegnata|evaso
        |betaald|afgerond|verzonden|geleverd|pago|concluído|concluída|entregue|opłacone|zrealizowane|wysłane|betald|levererad|betalt|leveret
    """
"""States of orders that are purchases, as far as they show that a column holds states."""


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {
        " ".join(word.split()): meaning
        for meaning, listed in words.items()
        for word in listed.split("|")
        if word.strip()
    }


_STATE_OF: Final = _by_word(_STATES)
_IS_GOOD: Final = _by_word({"bought": _GOOD})
_KIND_OF: Final = _by_word(_KINDS)


def _small(text: str) -> str:
    """In small letters; the dot that is left of a Turkish İ goes."""
    return unicodedata.normalize("NFC", " ".join(text.casefold().split())).replace("\u0307", "")


def is_a_state(text: str) -> bool:
    """Whether a cell says how an order stands, and not where somebody lives."""
    small = _small(text)
    return small in _IS_GOOD or small in _STATE_OF


def state_of(text: str) -> str:
    """Why an order of that state is no purchase, `PAID_BACK`, or "" = it is one, as far as its word is known."""
    return _STATE_OF.get(_small(text), "")


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
            return _STATE_OF.get(text, "")
        if self.what == "kind":
            return _KIND_OF.get(text, "")
        if self.what == "quantity":
            return PAYS_BACK if _BELOW_ZERO.fullmatch(text) else ""
        if self.what == "time":
            return "" if text in _NO else "cancelled"
        return self.what if text in _YES else _STATE_OF.get(text, "")


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

    def add(words: str, what: str, *, flags: bool = False) -> None:
        for word in words.split():
            for place in names.get(plain_name(word), ()):
                if place not in taken and (not flags or _are_flags(_cells(place, rows))):
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
    return found


def _cells(place: int, rows: Sequence[Sequence[str]]) -> set[str]:
    """Those that are filled, in small letters."""
    return {row[place].strip().casefold() for row in rows if place < len(row)} - {""}


def _are_flags(cells: set[str]) -> bool:
    return bool(cells) and all(cell in _YES or cell in _NO or cell in _STATE_OF for cell in cells)


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
