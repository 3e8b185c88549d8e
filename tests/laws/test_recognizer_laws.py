"""The recognizers that ship keep the laws of recognizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.models.pii import PatternRecognizer, PresidioRecognizer
from rpsg.testing.laws import RecognizerLaws

if TYPE_CHECKING:
    from rpsg.protocols import Recognizer


class TestPatternRecognizer(RecognizerLaws):
    @pytest.fixture
    def recognizer(self) -> Recognizer:
        return PatternRecognizer()


@pytest.fixture(scope="module")
def presidio() -> PresidioRecognizer:
    pytest.importorskip("presidio_analyzer", reason="needs the extra pii")
    return PresidioRecognizer()


class TestPresidioRecognizer(RecognizerLaws):
    @pytest.fixture
    def recognizer(self, presidio: PresidioRecognizer) -> Recognizer:
        return presidio
