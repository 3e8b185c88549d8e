"""Personal data found by Presidio: its patterns with their checks, and names where a spaCy model is given.

Presidio's own engine fetches a spaCy model when it starts, and a list of internet suffixes when it meets an
e-mail address. Neither happens here: the model is one that is installed, or blank, and the list is the one
that its package carries.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.pii import apart
from rpsg.protocols import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Endpoint

_LANGUAGE = "en"
# Presidio's scores: a bare pattern of a telephone number has 0.4; what lies below is a guess.
_THRESHOLD = 0.4
# Presidio's words for what the recogniser by patterns finds too.
_KINDS = {
    "EMAIL_ADDRESS": "email",
    "URL": "link",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "IP_ADDRESS": "ip address",
    "PHONE_NUMBER": "phone",
}


class PresidioRecogniser:
    """What Presidio finds in English text with a score of ``threshold`` or more.

    model: an installed spaCy package, e.g. en_core_web_sm, that finds names of people and places. Default:
        none, so only what has a shape is found; ``name`` says which.

    Kinds are Presidio's in small letters ("us_ssn", "person"), but those that ``PatternRecogniser`` knows
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
    registry.add_recognizer(_email_recogniser())
    return presidio.AnalyzerEngine(
        registry=registry, nlp_engine=nlp, supported_languages=[_LANGUAGE], log_decision_process=False
    )


def _email_recogniser() -> Any:
    """Presidio's own, with the list of suffixes that its package carries."""
    import tldextract  # noqa: PLC0415 - comes with Presidio
    from presidio_analyzer.predefined_recognizers import EmailRecognizer  # noqa: PLC0415 - optional package

    suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)

    class OfflineEmails(EmailRecognizer):  # type: ignore[misc]  # an untyped class of another package
        def validate_result(self, pattern_text: str) -> bool:
            return bool(suffixes(pattern_text).fqdn)

    return OfflineEmails(name="OfflineEmails")
