"""The recognizers that ship keep the laws of recognizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.models.pii import PatternRecogniser
from rpsg.models.presidio import PresidioRecogniser
from rpsg.testing.laws import RecognizerLaws

if TYPE_CHECKING:
    from rpsg.protocols import Recogniser


class TestPatternRecogniser(RecognizerLaws):
    @pytest.fixture
    def recogniser(self) -> Recogniser:
        return PatternRecogniser()


@pytest.fixture(scope="module")
def presidio() -> PresidioRecogniser:
    pytest.importorskip("presidio_analyzer", reason="needs the extra pii")
    return PresidioRecogniser()


class TestPresidioRecogniser(RecognizerLaws):
    @pytest.fixture
    def recogniser(self, presidio: PresidioRecogniser) -> Recogniser:
        return presidio
