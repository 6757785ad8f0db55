"""Files of all parts of the world: encodings, digits and names of months are what their file or column shows."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import Wishes, open_history
from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn
from service.history.encodings import encoding_of

SHOPS = {
    "ru": "Дата заказа,Клиент,Сумма\n06.01.2025,Иванов Пётр,12\n07.01.2025,Щукина Анна,15\n",
    "uk": "Дата,Клієнт,Сума\n06.01.2025,Їжакевич Єва,12\n07.01.2025,Олійник Ігор,15\n",
    "tr": "Tarih,Müşteri,Tutar\n06.01.2025,Ayşe Yıldırım,12\n07.01.2025,Oğuz Çağlar,12\n08.01.2025,Işık Güneş,3\n",
    "pl": "Data,Klient,Kwota\n06.01.2025,Łukasz Żółć,12\n07.01.2025,Małgorzata Śliwińska,3\n",
    "cs": "Datum,Zákazník,Částka\n06.01.2025,Jiří Dvořák,12\n07.01.2025,Věra Růžičková,3\n",
    "hu": "Dátum,Ügyfél,Összeg\n06.01.2025,Szűcs Győző,12\n07.01.2025,Tóth Ödön,3\n",
    "lt": "Data,Klientas,Suma\n06.01.2025,Šarūnas Žąsis,2\n07.01.2025,Eglė Ščiukė,3\n",
    "el": "Ημερομηνία,Πελάτης,Ποσό\n06.01.2025,Παπαδόπουλος,12\n",
    "he": "תאריך,לקוח,סכום\n06.01.2025,משה כהן,2\n",
    "ar": "التاريخ,العميل,المبلغ\n06.01.2025,محمد علي,2\n",
    "de": "Datum,Kunde,Betrag\n06.01.2025,Müller Jörg,12\n07.01.2025,Weiß Änne,3\n",
    "fr": "Date,Client,Montant\n06/01/2025,Élodie Lefèvre,12\n07/01/2025,François Benoît,3\n",
    "es": "Fecha,Cliente,Importe\n06/01/2025,Peña Muñoz,12\n07/01/2025,José García,3\n",
    "pt": "Data,Cliente,Valor\n06/01/2025,João Conceição,2\n07/01/2025,Antônio Simões,3\n",
    "it": "Data,Cliente,Importo\n06/01/2025,Nicolò Càrdo,2\n07/01/2025,Città è più,3\n",
    "da": "Dato,Kunde,Beløb\n06/01/2025,Søren Ærø,12\n07/01/2025,Åse Bjørn,3\n",
    "is": "Dagur,Nafn,Upphæð\n06.01.2025,Þórður Ýmir,2\n",
    "all of the West": "Datum,Kunde,Betrag\n1,Müller,2\n2,Peña,3\n3,Søren,3\n4,François,4\n5,Åse,5\n6,João,3\n",
    "one letter": "Datum,Kunde,Betrag\n1,Müller,2\n",
    "ja": "注文日,顧客,金額\n2025/01/06,山田太郎,1200\n2025/01/07,すずき はなこ,800\n2025/01/08,ヤマザキ,500\n",
    "zh": "日期,客户,金额\n2025/01/06,张伟,1200\n2025/01/07,王小明,800\n2025/01/08,北京市朝阳区,500\n",
    "zh-TW": "日期,客戶,金額\n2025/01/06,陳大文,1200\n2025/01/07,林小姐,800\n2025/01/08,臺北市,200\n",
    "ko": "날짜,고객,금액\n2025/01/06,김철수,1200\n2025/01/07,이영희,800\n",
}
WRITTEN = {
    "cp1252": ("de", "fr", "es", "pt", "it", "da", "is", "all of the West", "one letter"),
    "cp1250": ("pl", "cs", "hu", "de"),
    "cp1251": ("ru", "uk"),
    "koi8-r": ("ru",),
    "cp1253": ("el",),
    "cp1254": ("tr",),
    "cp1255": ("he",),
    "cp1256": ("ar",),
    "cp1257": ("lt",),
    "cp850": ("de", "fr", "es", "pt", "da"),
    "mac-roman": ("de", "fr", "es"),
    "cp932": ("ja",),
    "gb18030": ("zh",),
    "big5": ("zh-TW",),
    "cp949": ("ko",),
}


@pytest.mark.parametrize(("encoding", "shop"), [(one, shop) for one, shops in WRITTEN.items() for shop in shops])
@pytest.mark.parametrize("more", ["", "x,„5 €“ – y,1\n"])
def test_text_of_every_part_of_the_world_is_read_as_it_was_written(encoding: str, shop: str, more: str) -> None:
    try:
        content = (SHOPS[shop] + more).encode(encoding)
    except UnicodeEncodeError:  # it has no such signs
        content = SHOPS[shop].encode(encoding)

    assert content.decode(encoding_of(Path("shop.csv"), BytesIO(content))) == content.decode(encoding)


def test_which_encoding_was_found_is_said(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(SHOPS["ru"].encode("cp1251"))

    history = open_history([path], calendar=Calendar(ZoneInfo("UTC")), minor_digits=2, wishes=Wishes(currency="RUB"))
    assert {one.customer_id for one in history.purchases()} == {"Иванов Пётр", "Щукина Анна"}
    assert any("Windows-1251 (Cyrillic)" in one for one in history.report.said)


LANGUAGES = "az bg bs ca cs cy da de el en es et eu fi fr gl hr hu id is it kk lt lv mk ms nb nl pl pt ro ru sk sl sq sv tr uk".split()  # noqa: SIM905


@pytest.mark.parametrize("language", LANGUAGES)
def test_months_are_those_of_their_language_or_the_column_is_not_read(language: str) -> None:
    for width in ("wide", "abbreviated"):
        names = Locale(language).months["format"][width]
        if not all(unicodedata.normalize("NFC", name).strip(".").isalpha() for name in names.values()):
            continue
        column = TimeColumn("date")
        cells = [f"6. {names[month]} 2025" for month in range(1, 13)]
        for cell in cells:
            column.see(cell)
        column.decide()

        read = [column.clean(cell) for cell in cells]
        assert [one for one, cell in zip(read, cells, strict=True) if one != cell] == [
            date(2025, month, 6).isoformat() for month, cell in enumerate(cells, 1) if read[month - 1] != cell
        ]
        assert sum(one != cell for one, cell in zip(read, cells, strict=True)) >= 11


@pytest.mark.parametrize("cell", ["6 listopada 2025", "12. lip 2025.", "6 lis 2025"])
def test_a_month_of_two_languages_alone_is_refused(cell: str) -> None:
    column = TimeColumn("Datum")
    column.see(cell)

    with pytest.raises(ConfigurationError, match="which is not the same one in Croatian"):
        column.decide()


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["6 listopada 2025", "1 sierpnia 2025"], "2025-11-06"),
        (["6. listopada 2025.", "1. siječnja 2025."], "2025-10-06"),
        (["12. lip 2025.", "3. sij 2025."], "2025-06-12"),
        (["12 lip 2025", "3 sty 2025"], "2025-07-12"),
        (["31. lip 2025", "8. sie 2025"], "2025-07-31"),
        (["07 EKİM 2025 Salı 20:29"], "2025-10-07T20:29"),
        (["8 MAYIS 2025"], "2025-05-08"),
        (["6 января 2025 г., 20:29"], "2025-01-06T20:29"),
        (["٠٣/٠٤/٢٠٢٥", "١٣/٠٤/٢٠٢٥"], "2025-04-03"),
        (["２０２５/１/６ ２０:２９"], "2025-01-06T20:29"),
        (["2025年1月6日 20:29"], "2025-01-06T20:29"),
        (["2025年1月6日(月) 20時29分"], "2025-01-06T20:29:00"),
        (["2025年1月6日 下午8:29"], "2025-01-06T20:29"),
        (["2025년 1월 6일 오전 8:29"], "2025-01-06T08:29"),
        (["2025. 1. 6. 오후 8:29"], "2025-01-06T20:29"),
        (["\u200e06/\u200e01/\u200e2025 \u200f\u200e20:29", "\u200e26/\u200e01/\u200e2025"], "2025-01-06T20:29"),
        (["2025-01-06 8:29 PM"], "2025-01-06T20:29"),
        (["2025-01-06 8:29"], "2025-01-06T08:29"),
        (["20250106202948123"], "2025-01-06T20:29:48.123000"),
    ],
)
def test_dates_of_other_scripts_and_languages(cells: list[str], right: str) -> None:
    column = TimeColumn("date")
    for cell in cells:
        column.see(cell)
    column.decide()

    assert datetime.fromisoformat(column.clean(cells[0])) == datetime.fromisoformat(right)


@pytest.mark.parametrize(
    ("cells", "right", "currency"),
    [
        (["١٢٫٥٠", "١٬٢٥٠٫٠٠"], ["12.50", "1250"], ""),
        (["١٫٢٥٠"], ["1.25"], ""),
        (["१२.५०"], ["12.5"], ""),
        (["１，２５０．００"], ["1250"], ""),
        (["\u200f12.50 ₪"], ["12.5"], "ILS"),
        (["1 250,00 руб.", "12,5 руб."], ["1250", "12.5"], "RUB"),
        (["1.250,00 TL"], ["1250"], "TRY"),
        (["1.250 円"], ["1250"], "JPY"),
    ],
)
def test_amounts_of_other_scripts(cells: list[str], right: list[str], currency: str) -> None:
    column = AmountColumn("total")
    for cell in cells:
        column.see(cell)
    column.decide()

    assert [Decimal(column.clean(cell)) for cell in cells] == list(map(Decimal, right))
    assert column.currency_of(cells[0]) == currency


def test_numbers_of_a_spreadsheet_that_may_be_counted_from_1904_are_said() -> None:
    old, new = TimeColumn("Date"), TimeColumn("Date")
    for column, cells in ((old, ["43890", "43900.5"]), (new, ["43890", "46000.5"])):
        for cell in cells:
            column.see(cell)
        column.decide()

    assert "ends on 2020-03-10. If the shop went on selling until 2024-03-11" in old.counted_said()
    assert new.counted_said() == ""
