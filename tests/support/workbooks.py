"""The smallest workbooks that are some, written by hand: nothing here writes such files otherwise."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _packed(parts: dict[str, str]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def xlsx(rows: Sequence[Sequence[str]], *, since_1904: bool = False) -> bytes:
    """One sheet; what is a number by its text is one in the cell."""
    counted = '<workbookPr date1904="1"/>' if since_1904 else ""
    cells = "".join(
        f'<row r="{number}">'
        + "".join(
            f"<c><v>{value}</v></c>" if _is_number(value) else f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
            for value in row
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return _packed({
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}">{counted}<sheets><sheet name="Orders" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>',
    })  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """One of several: texts, numbers, and moments, which are cells of dates as a spreadsheet has them."""

    name: str
    rows: Sequence[Sequence[str | Decimal | int | datetime]]
    is_hidden: bool = False
    merged: Sequence[str] = ()
    """Ranges such as A2:A4, of which the first cell holds what all of them show."""


def book(sheets: Sequence[Sheet], *, since_1904: bool = False) -> bytes:
    """A workbook of several sheets."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    counted = '<workbookPr date1904="1"/>' if since_1904 else ""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(one.name)}" sheetId="{n}"{" state=" + chr(34) + "hidden" + chr(34) if one.is_hidden else ""} r:id="rId{n}"/>'
        for n, one in zip(numbers, sheets, strict=True)
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    typed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{typed}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}">{counted}<sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{related}<Relationship Id="rId0" Type="{_DOCUMENT}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders>'
        '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }  # fmt: skip
    for n, one in zip(numbers, sheets, strict=True):
        cells = "".join(
            f'<row r="{number}">{"".join(_cell(place, number, value, since_1904=since_1904) for place, value in enumerate(row))}</row>'
            for number, row in enumerate(one.rows, 1)
        )
        merged = "".join(f'<mergeCell ref="{ref}"/>' for ref in one.merged)
        merged = f'<mergeCells count="{len(one.merged)}">{merged}</mergeCells>' if merged else ""
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData>{merged}</worksheet>'
        )
    return _packed(parts)


def _cell(place: int, row: int, value: str | Decimal | int | datetime, *, since_1904: bool) -> str:
    at = f'r="{chr(ord("A") + place)}{row}"'
    if value == "":
        return ""
    if isinstance(value, str):
        return f'<c {at} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, datetime):
        first = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - as a sheet counts
        return f'<c {at} s="1"><v>{Decimal(round((value - first).total_seconds())) / 86_400}</v></c>'
    return f"<c {at}><v>{value}</v></c>"


def ods(rows: Sequence[Sequence[str]]) -> bytes:
    """One sheet."""
    of = "urn:oasis:names:tc:opendocument:xmlns"
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p></table:table-cell>'
            if _is_number(value)
            else f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
            for value in row
        )
        + "</table:table-row>"
        for row in rows
    )
    return _packed({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{of}:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>',
        "content.xml": f'<office:document-content xmlns:office="{of}:office:1.0" xmlns:table="{of}:table:1.0" xmlns:text="{of}:text:1.0" xmlns:style="{of}:style:1.0"><office:body><office:spreadsheet><table:table table:name="Orders">{cells}</table:table></office:spreadsheet></office:body></office:document-content>',
    })  # fmt: skip


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
