"""What may point to a person: found by its shape, or by Presidio.

``PatternRecognizer`` finds addresses, numbers and accounts without weights or network. Numbers that carry a
check (cards, IBANs) count only when the check holds. Names of people have no shape: ``PresidioRecognizer``
finds them where a spaCy model is given, beside its own patterns with their checks.

Presidio's own engine fetches a spaCy model when it starts, and a list of internet suffixes when it meets an
e-mail address. Neither happens here: the model is one that is installed, or blank, and the list is the one
that its package carries.
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

from rpsg.errors import MissingExtraError, ModelError
from rpsg.protocols import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rpsg.protocols import Endpoint

_LANGUAGE = "en"
# Presidio's scores: a bare pattern of a telephone number has 0.4; what lies below is a guess.
_THRESHOLD = 0.4
# Presidio's words for what the recognizer by patterns finds too.
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


class PatternRecognizer:
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


class PresidioRecognizer:
    """What Presidio finds in English text with a score of ``threshold`` or more.

    model: an installed spaCy package, e.g. en_core_web_sm, that finds names of people and places. Default:
        none, so only what has a shape is found; ``name`` says which.

    Kinds are Presidio's in small letters ("us_ssn", "person"), but those that ``PatternRecognizer`` knows
    are called as it calls them. Where two overlap, the one with the higher score is taken. Raises
    MissingExtraError without the package, ModelError when the spaCy model is not installed.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, model: str | None = None, *, threshold: float = _THRESHOLD) -> None:
        try:
            import presidio_analyzer  # noqa: PLC0415 - optional package
        except ImportError:
            raise MissingExtraError("pii", "presidio-analyzer") from None
        from importlib.metadata import version  # noqa: PLC0415 - only for the name

        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        language, which = _language(model)
        self._threshold = threshold
        self._engine = _engine(presidio_analyzer, language)
        self._name = f"presidio@{version('presidio-analyzer')}:{which}:{threshold}"
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text its spans, in order, none overlapping another."""
        with self._lock:
            return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Span]:
        found = self._engine.analyze(text, language=_LANGUAGE, score_threshold=self._threshold)
        best_first = sorted(found, key=lambda hit: (-hit.score, hit.start, -hit.end, hit.entity_type))
        return apart(Span(hit.start, hit.end, _kind(hit.entity_type)) for hit in best_first)


def _kind(entity: str) -> str:
    return _KINDS.get(entity, entity.lower())


def _language(model: str | None) -> tuple[Any, str]:
    """The spaCy pipeline, and what identifies it."""
    import spacy  # noqa: PLC0415 - comes with Presidio

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
    """Presidio's analyser around a pipeline that is there already."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415 - optional package

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
    """Presidio's own, with the list of suffixes that its package carries."""
    import tldextract  # noqa: PLC0415 - comes with Presidio
    from presidio_analyzer.predefined_recognizers import EmailRecognizer  # noqa: PLC0415 - optional package

    suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)

    class OfflineEmails(EmailRecognizer):  # type: ignore[misc]  # an untyped class of another package
        def validate_result(self, pattern_text: str) -> bool:
            return bool(suffixes(pattern_text).fqdn)

    return OfflineEmails(name="OfflineEmails")
