"""Tools for testing packages that extend RPSG.

rpsg.testing             models without weights, noise without privacy
rpsg.testing.lab         a tiny pack, invented rows, and runs of them with these models
rpsg.testing.planted     invented members, people held out, and corpora that leak
rpsg.testing.laws classes of tests: subclass one, give it your plug-in, and run pytest
"""

from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeScorer, FakeWriter
from rpsg.testing.noise import FixedNoise, SeededNoise

__all__ = ["FakeClassifier", "FakeEmbedder", "FakeScorer", "FakeWriter", "FixedNoise", "SeededNoise"]
