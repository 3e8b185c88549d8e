"""Personal identifiers, found by patterns or by Presidio.

``PatternRecognizer`` finds addresses, numbers and accounts without weights or network. Numbers with check
digits (cards, IBANs) count only if these are right. Names of people have no pattern: ``PresidioRecognizer``
finds them if a spaCy model is given, besides its own patterns.

Presidio's default engine downloads a spaCy model when it starts, and a list of internet suffixes at the first
e-mail address. Neither happens here: the model is an installed one, or blank, and the list is the one in its
package.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, needed
from rpsg.protocols import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rpsg.protocols import Endpoint

_LANGUAGE = "en"
# Presidio gives the score 0.4 to a telephone number that only its pattern suggests; lower scores are guesses.
_THRESHOLD = 0.4
# Presidio's names of the kinds that the pattern recognizer finds too.
_KINDS = {
    "EMAIL_ADDRESS": "email",
    "URL": "link",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "IP_ADDRESS": "ip address",
    "PHONE_NUMBER": "phone",
}


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
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Shape:
    """A match of ``pattern`` is of this ``kind`` if ``holds`` confirms it."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _any


#: In order of priority: of two overlapping matches, that of the earlier shape is taken.
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


class PatternRecognizer:
    """Finds e-mail addresses, links, IBANs, cards, network addresses, identity numbers, phones, accounts."""

    endpoint: Endpoint = "local_model"

    def __init__(self, shapes: Sequence[Shape] = SHAPES) -> None:
        self._shapes = tuple(shapes)
        told = "\n".join(f"{s.kind}\t{s.pattern.pattern}\t{s.holds.__name__}" for s in self._shapes)
        self.name = f"patterns@{sha256(told.encode()).hexdigest()[:12]}"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text its spans, in order, none overlapping another."""
        return [apart(self._spans(text)) for text in texts]

    def _spans(self, text: str) -> Iterable[Span]:
        for shape in self._shapes:
            for match in shape.pattern.finditer(text):
                if shape.holds(match.group()):
                    yield Span(match.start(), match.end(), shape.kind)


def apart(spans: Iterable[Span]) -> list[Span]:
    """The spans by their start, without those that overlap an earlier one of ``spans``."""
    kept: list[Span] = []  # always sorted, so that each is compared with its neighbours only
    for span in spans:
        index = bisect_left(kept, span.end, key=lambda one: one.start)
        if span.start < span.end and (index == 0 or kept[index - 1].end <= span.start):
            kept.insert(index, span)
    return kept


class PresidioRecognizer:
    """What Presidio finds in English text with a score of ``threshold`` or more.

    model: an installed spaCy package, e.g. en_core_web_sm, that finds names of people and places. Default:
        none, so that only patterns are found; ``name`` includes the model.

    Kinds are Presidio's names in lower case ("us_ssn", "person"), but kinds that ``PatternRecognizer`` finds
    too have the names of ``PatternRecognizer``. Of two overlapping spans, the one with the higher score is
    taken. Raises MissingExtraError without the package, ModelError when the spaCy model is not installed.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, model: str | None = None, *, threshold: float = _THRESHOLD) -> None:
        with needed("pii", "presidio-analyzer"):
            import presidio_analyzer
        from importlib.metadata import version

        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        language, which = _language(model)
        self._threshold = threshold
        self._engine = _engine(presidio_analyzer, language)
        self.name = f"presidio@{version('presidio-analyzer')}:{which}:{threshold}"
        self._lock = threading.Lock()

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text its spans, in order, none overlapping another."""
        with self._lock:
            return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Span]:
        found = self._engine.analyze(text, language=_LANGUAGE, score_threshold=self._threshold)
        best_first = sorted(found, key=lambda hit: (-hit.score, hit.start, -hit.end, hit.entity_type))
        kinds = [_KINDS.get(hit.entity_type, hit.entity_type.lower()) for hit in best_first]
        return apart(Span(hit.start, hit.end, kind) for hit, kind in zip(best_first, kinds, strict=True))


def _language(model: str | None) -> tuple[Any, str]:
    """The spaCy pipeline, and its name with the version."""
    import spacy

    if model is None:
        return spacy.blank(_LANGUAGE), "blank"
    try:
        pipeline = spacy.load(model)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The spaCy model {model!r} is not installed.",
            hint=f"Install it with: python -m spacy download {model}; without one no names are found.",
        ) from error
    return pipeline, f"{pipeline.meta['name']}-{pipeline.meta['version']}"


def _engine(presidio: Any, pipeline: Any) -> Any:
    """Presidio's analyser with an existing pipeline."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    nlp = SpacyNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "given"}])
    nlp.nlp = {_LANGUAGE: pipeline}
    registry = presidio.RecognizerRegistry(supported_languages=[_LANGUAGE])
    registry.load_predefined_recognizers(languages=[_LANGUAGE], nlp_engine=nlp)
    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(_email_recognizer())
    return presidio.AnalyzerEngine(
        registry=registry, nlp_engine=nlp, supported_languages=[_LANGUAGE], log_decision_process=False
    )


def _email_recognizer() -> Any:
    """Presidio's recognizer of e-mail addresses, with the list of suffixes in its package."""
    import tldextract
    from presidio_analyzer.predefined_recognizers import EmailRecognizer

    suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)

    class OfflineEmails(EmailRecognizer):  # type: ignore[misc]  # an untyped class of another package
        def validate_result(self, pattern_text: str) -> bool:
            return bool(suffixes(pattern_text).fqdn)

    return OfflineEmails(name="OfflineEmails")
