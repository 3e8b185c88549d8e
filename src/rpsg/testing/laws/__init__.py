"""Laws that plug-ins must satisfy, as test classes to subclass.

from rpsg.testing.laws import WriterLaws

class TestMyWriter(WriterLaws):
    @pytest.fixture
    def writer(self):
        return MyWriter()
"""

try:
    import pytest
except ModuleNotFoundError as error:
    raise ImportError("The laws are tests for pytest, which is not installed: pip install pytest") from error

pytest.register_assert_rewrite(
    *(f"{__name__}.{kind}" for kind in ("writer", "embedder", "scorer", "classifier", "recognizer")),
    *(f"{__name__}.{kind}" for kind in ("method", "metric", "pack", "attack")),
)

from rpsg.testing.laws.attack import AttackLaws  # noqa: E402  # after the line above, or a failed law would not show its values
from rpsg.testing.laws.classifier import ClassifierLaws, SentimentLaws  # noqa: E402  # as above
from rpsg.testing.laws.embedder import EmbedderLaws  # noqa: E402  # as above
from rpsg.testing.laws.method import MethodLaws  # noqa: E402  # as above
from rpsg.testing.laws.metric import MetricLaws  # noqa: E402  # as above
from rpsg.testing.laws.pack import PackLaws  # noqa: E402  # as above
from rpsg.testing.laws.recognizer import RecognizerLaws  # noqa: E402  # as above
from rpsg.testing.laws.scorer import ContextLaws, ScorerLaws  # noqa: E402  # as above
from rpsg.testing.laws.writer import WriterLaws  # noqa: E402  # as above

__all__ = [
    "AttackLaws",
    "ClassifierLaws",
    "ContextLaws",
    "EmbedderLaws",
    "MethodLaws",
    "MetricLaws",
    "PackLaws",
    "RecognizerLaws",
    "ScorerLaws",
    "SentimentLaws",
    "WriterLaws",
]
