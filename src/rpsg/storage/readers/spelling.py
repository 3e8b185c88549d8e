"""The one spelling of a value: equal values are equal texts, whatever their type and the format of the file.

12, 12.0, "12" and "12.0" are the same label and the same person in every file format, and so are true, "true"
and "True". A day is the same with and without a time of midnight, which most programs add to a date. NaN is a
missing value in every format, also as the text "nan". The form ``="00123"``, in which exports for Excel keep
leading zeros, is 00123.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Number
from uuid import UUID

from rpsg.disk.json_text import whole

#: Whole numbers as files write them: 12.0, or 1.2e+17, as Python and pandas write a large float. Numbers
#: longer than any float are read as names, because Python refuses to convert them or takes hours.
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,400})\.0{1,400}|-?[1-9](?:\.[0-9]{1,400})?[eE]\+[0-9]{2,3}")
#: A point in time, as files and programs write it, with or without a time zone.
_TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[ T](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.(?P<part>[0-9]{1,9}))?"
    r" ?(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
#: A formula of Excel whose result is the text between the quotes.
_FORMULA = re.compile(r'="([^"]*)"')
_TRUTHS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
#: How a missing number is written when a column of numbers is turned into text.
MISSING = frozenset({"nan", "NaN"})
_SPELLINGS = _TRUTHS | dict.fromkeys(MISSING, "")
#: Digits of the longest number that has a spelling.
LONGEST = 1000


def spelled(value: object) -> str | None:
    """The one spelling of a value, whatever its type in the file; None for an empty one.

    Whole numbers have no decimal point and no exponent, booleans are "true" and "false", Unicode is composed.
    Lists, objects and numbers of more than a thousand digits have no spelling.
    """
    if isinstance(value, str | bool):
        return spelled_text(str(value))
    if isinstance(value, float | Decimal):
        return _spelled_number(Decimal(repr(value)) if isinstance(value, float) else value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**LONGEST else None
    if isinstance(value, bytes):
        return _spelled_bytes(value)
    return spelled_text(str(value)) if isinstance(value, date | time | timedelta | UUID) else None


def spelled_text(value: str) -> str | None:
    """``spelled`` of a text."""
    if (formula := _FORMULA.fullmatch(value.strip())) is not None:
        value = formula[1]
    plain = "." not in value and "+" not in value and ":" not in value
    if plain and value.isascii() and value.isprintable():  # most names
        name = value.strip()
        return _SPELLINGS.get(name, name) or None
    name = clean(value).strip()
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name in MISSING:
        return None
    if name in _TRUTHS:
        return _TRUTHS[name]
    if _WHOLE.fullmatch(name):
        return _spelled_number(Decimal(name))
    if (found := _TIME.fullmatch(name)) is not None:
        return _spelled_time(found)
    return name or None


def _spelled_time(found: re.Match[str]) -> str:
    """A day without the time if that is midnight and names no time zone; else without trailing zeros."""
    day, time, zone = found["day"], found["time"], found["zone"] or ""
    part = (found["part"] or "").rstrip("0")
    if zone:
        zone = "+00:00" if zone in {"Z", "UTC"} else f"{zone[:3]}:{zone[-2:]}"
    if time == "00:00:00" and not part and not zone:
        return day
    return f"{day} {time}{'.' if part else ''}{part}{zone}"


def _spelled_number(value: Decimal) -> str | None:
    if value.is_nan():
        return None
    if value.is_infinite():
        return "inf" if value > 0 else "-inf"
    if not value:
        return "0"
    if abs(value.adjusted()) >= LONGEST:
        return None  # Python refuses to write such numbers as text, or takes hours
    if value == value.to_integral_value():
        return str(int(value))
    return format(value, "f").rstrip("0")


def _spelled_bytes(value: bytes) -> str | None:
    text = decoded(value)
    return spelled_text(text) if text is not None and text.isprintable() else value.hex()


def is_compound(value: object) -> bool:
    """Whether a value without a spelling is a list or an object, and not a missing name or number."""
    return value is not None and not isinstance(value, str | bytes | Number)


def decoded(value: bytes) -> str | None:
    """Bytes as UTF-8 text; None if they are not UTF-8. The error of a decoder would contain the bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def clean(text: str) -> str:
    """Normalised text: no NUL, line feeds only, no broken characters; "" for white space."""
    if "\r" in text or "\0" in text:
        text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = whole(text)
    return "" if text.isspace() else text
