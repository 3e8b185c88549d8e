"""What may point to a person, by its shape: addresses, numbers, accounts. No weights, no network.

Numbers that carry a check (cards, IBANs) count only when the check holds. Names of people have no shape:
for those take the recogniser of ``presidio``.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from rpsg.protocols import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rpsg.protocols import Endpoint


def passes_luhn(text: str) -> bool:
    """Whether the digits of a card number end in the right check digit (ISO/IEC 7812-1, Luhn)."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def passes_mod_97(text: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616)."""
    plain = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def is_address(text: str) -> bool:
    """Whether it is an address of the internet protocol."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Shape:
    """Places that ``pattern`` finds and ``holds`` confirms are of this ``kind``."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _any


#: In order of rank: where two overlap, the one further up is taken.
SHAPES = (
    Shape("email", re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w-]++(?:\.[\w-]++)++")),
    Shape("link", re.compile(r"\b(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]]", re.IGNORECASE)),
    Shape("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), passes_mod_97),
    Shape("card", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), passes_luhn),
    Shape(
        "ip address",
        re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{6,39})(?![\w:])"),
        is_address,
    ),
    Shape("id", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    Shape(
        "id",
        re.compile(
            r"\b(?:MRN|NHS|SSN|passport|patient|customer|account|insurance|licen[cs]e|order|ticket|case)"
            r"(?: (?:no|number|id|nr))?\.?[:# ]{1,2}(?=[A-Z0-9-]{0,40}\d)[A-Z0-9][A-Z0-9-]{3,}\b",
            re.IGNORECASE,
        ),
    ),
    Shape("phone", re.compile(r"(?<![\w.])(?:\+|\(\+?)?\d(?:[\s().\-/]{0,2}\d){6,18}(?![\w-])")),
    Shape("account", re.compile(r"(?<![\w/@.])@[A-Za-z]\w{2,}")),
)


class PatternRecogniser:
    """Finds e-mail addresses, links, IBANs, cards, network addresses, identity numbers, phones, accounts."""

    endpoint: Endpoint = "local_model"

    def __init__(self, shapes: Sequence[Shape] = SHAPES) -> None:
        self._shapes = tuple(shapes)
        told = "\n".join(f"{s.kind}\t{s.pattern.pattern}\t{s.holds.__name__}" for s in self._shapes)
        self._name = f"patterns@{sha256(told.encode()).hexdigest()[:12]}"

    @property
    def name(self) -> str:
        return self._name

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text its spans, in order, none overlapping another."""
        return [apart(self._spans(text)) for text in texts]

    def _spans(self, text: str) -> Iterable[Span]:
        for shape in self._shapes:
            for match in shape.pattern.finditer(text):
                if shape.holds(match.group()):
                    yield Span(match.start(), match.end(), shape.kind)


def apart(spans: Iterable[Span]) -> list[Span]:
    """The spans in order of their start, without those that overlap one named earlier."""
    kept: list[Span] = []  # always in order, so that each is held against its neighbours alone
    for span in spans:
        place = bisect_left(kept, span.end, key=_start)
        if span.start < span.end and (place == 0 or kept[place - 1].end <= span.start):
            kept.insert(place, span)
    return kept


def _start(span: Span) -> int:
    return span.start
