"""Metrics that train or ask a model say what scikit-learn and a model written from the formula say.

Chen & Goodman 1999 is written down here with dictionaries, word by word; the classifier is scikit-learn's.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.spatial.distance import cityblock
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from tests.evaluation.sides import KINDS, MANY, Sides, sides_of

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LANGUAGE = 65_536
BEFORE = ("<before>", "<before>")
Gram = tuple[str, ...]


@pytest.fixture(scope="module", params=KINDS)
def sides(request: pytest.FixtureRequest) -> Sides:
    return sides_of(request.param)


def tokens_of(text: str) -> list[str]:
    """Words in lower case and marks; an apostrophe between two letters belongs to the word."""
    found, low = [""], f"{text.lower()} "
    for before, sign, after in zip(f" {low}", low, low[1:], strict=False):
        letters = [part.isalnum() or part == "_" for part in (before, sign, after)]
        if letters[1] or (sign in "'\u2019" and letters[0] and letters[2]):
            found[-1] += sign
        else:
            found += [sign, ""]
    return [token for token in found if token.strip()]


def grams_of(text: str) -> Iterator[Gram]:
    """Each word with the two before it."""
    words = [*BEFORE, *tokens_of(text)]
    return zip(words, words[1:], words[2:], strict=False)


class KneserNey:
    """p(w | u v) = max(c - D, 0) / sum of c + D (words seen after u v) / sum of c * p(w | v), and so on down.

    c is how often, for trigrams; below it is in how many contexts. D = n1 / (n1 + 2 n2) for each order, kept
    within .1 and .95. At the bottom all words of the language are alike.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        grams = Counter(gram for text in texts for gram in grams_of(text))
        self.after: list[dict[Gram, Counter[str]]] = []
        self.discounts: list[float] = []
        self.best: dict[Gram, list[str]] = {}
        for _ in range(3):
            after: dict[Gram, Counter[str]] = defaultdict(Counter)
            for gram, count in grams.items():
                after[gram[:-1]][gram[-1]] = count
            kinds = Counter(grams.values())
            discount = kinds[1] / (kinds[1] + 2 * kinds[2]) if kinds[1] else 0.0
            self.after.insert(0, dict(after))
            self.discounts.insert(0, min(max(discount, 0.1), 0.95))
            grams = Counter(gram[1:] for gram in grams)

    def chance(self, context: Gram, word: str) -> float:
        """The probability of a word after two others."""
        chance = 1 / LANGUAGE
        for order in range(3):
            seen = self.after[order].get(context[2 - order :])
            if seen:
                discount, total = self.discounts[order], seen.total()
                chance = max(seen[word] - discount, 0) / total + discount * len(seen) / total * chance
        return chance

    def candidates(self, context: Gram) -> set[str]:
        """Every word that can be the likeliest: those seen there, and the likeliest of all others."""
        anywhere = self.after[0][()].most_common(1)[0][0]
        return {anywhere, *self.after[2].get(context, ()), *self.after[1].get(context[1:], ())}

    def likeliest(self, context: Gram) -> list[str]:
        """The word or words with the highest probability after two others."""
        if context not in self.best:
            chances = {word: self.chance(context, word) for word in self.candidates(context)}
            highest = max(chances.values()) - 1e-12
            self.best[context] = [word for word, chance in chances.items() if chance > highest]
        return self.best[context]


def test_the_oracle_s_candidates_hold_the_likeliest_of_all_words() -> None:
    sides = sides_of("random")
    model = KneserNey(sides.corpus.texts)
    for *before, _ in list(grams_of(" ".join(sides.real.texts)))[:200]:
        context = tuple(before)
        best = max(model.chance(context, word) for word in model.after[0][()])
        assert best == max(model.chance(context, word) for word in model.candidates(context))


@pytest.mark.parametrize("kind", KINDS)
def test_perplexity_is_that_of_kneser_ney_written_from_the_formula(kind: str) -> None:
    sides = sides_of(kind, MANY)
    model = KneserNey(sides.corpus.texts)
    chances = [model.chance(gram[:2], gram[2]) for text in sides.real.texts for gram in grams_of(text)]
    assert sides.value("perplexity") == pytest.approx(math.exp(-np.log(chances).mean()), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_next_word_accuracy_is_that_of_kneser_ney_written_from_the_formula(kind: str) -> None:
    """Where several words are the likeliest, any of them may be said."""
    sides = sides_of(kind, MANY)
    model = KneserNey(sides.corpus.texts)
    alone, among, positions = 0, 0, 0
    for *before, word in (gram for text in sides.real.texts for gram in grams_of(text)):
        best = model.likeliest(tuple(before))
        alone += best == [word]
        among += word in best
        positions += 1
    assert alone <= round(sides.value("next_word_accuracy") * positions) <= among
    assert among - alone <= 0.01 * positions
    assert alone > 0.05 * positions


def told(corpus: Texts, real: Texts) -> tuple[Any, Any]:
    """What scikit-learn's classifier says of each labelled real text, and what is true."""
    assert corpus.labels is not None
    assert real.labels is not None
    learnt, asked = ([i for i, label in enumerate(side.labels or ()) if label] for side in (corpus, real))
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=20_000)
    model.fit(np.asarray(corpus.vectors, np.float64)[learnt], [corpus.labels[i] for i in learnt])
    said = model.predict(np.asarray(real.vectors, np.float64)[asked])
    return said, np.array([real.labels[i] for i in asked])


def of_labels(name: str, said: Any, truth: Any) -> float:
    if name == "downstream_accuracy":
        return float(accuracy_score(truth, said))
    return float(f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0))


@pytest.fixture(params=["all", "some unlabelled", "one never learnt"])
def labelled(request: pytest.FixtureRequest, sides: Sides) -> Sides:
    """The same texts, with labels missing here and there, or with one that the corpus does not have."""
    corpus, real = list(sides.corpus.labels or ()), list(sides.real.labels or ())
    if request.param == "some unlabelled":
        corpus[::3], real[1::4] = [""] * len(corpus[::3]), [""] * len(real[1::4])
    if request.param == "one never learnt":
        real[::5] = ["unheard of"] * len(real[::5])
    models = sides.inputs.models
    both = Texts(sides.corpus.texts, models, labels=corpus), Texts(sides.real.texts, models, labels=real)
    for given, known in zip(both, (sides.corpus, sides.real), strict=True):
        given.vectors = known.vectors
    return Sides(Inputs(*both, models))


def test_a_label_that_only_real_texts_have_does_not_change_what_is_learnt() -> None:
    """There is nothing to learn of it, so all other texts are told as scikit-learn tells them."""
    rng = np.random.default_rng(14)
    models = EvaluationModels(FakeEmbedder())
    corpus, real = (Texts([""] * count, models) for count in (80, 200))
    for side in (corpus, real):
        side.vectors = rng.normal(size=(len(side), 32)).astype(np.float32)
        side.vectors /= np.linalg.norm(side.vectors, axis=1, keepdims=True)
    noise = 0.15 * rng.normal(size=80)
    corpus.labels = tuple(np.where(corpus.vectors[:, 0] + noise > 0.1, "yes", "no").tolist())
    real.labels = ("unheard of", *np.where(real.vectors[1:, 0] > 0.1, "yes", "no").tolist())
    said, truth = told(corpus, real)
    found = Sides(Inputs(corpus, real, models)).value("downstream_accuracy")
    assert found == pytest.approx(accuracy_score(truth, said), abs=1e-12)


@pytest.mark.parametrize("name", ["downstream_accuracy", "downstream_f1"])
def test_a_downstream_figure_is_scikit_learn_s_from_texts_to_figure(name: str, labelled: Sides) -> None:
    said, truth = told(labelled.corpus, labelled.real)
    assert len(set(said)) > 1, "a classifier that says one thing tells nothing"
    assert labelled.value(name) == pytest.approx(of_labels(name, said, truth), abs=1e-12)


def test_the_distance_of_sentiments_is_scipy_s_of_what_the_classifier_says(sides: Sides) -> None:
    classifier = sides.inputs.models.sentiment
    said = [classifier.classify(side.texts, side.vectors) for side in (sides.corpus, sides.real)]
    shares = [[Counter(its)[value] / len(its) for value in classifier.values] for its in said]
    assert sides.value("sentiment_distance") == pytest.approx(cityblock(*shares) / 2, abs=1e-12)
    assert min(map(max, shares)) < 1.0


def test_the_agreement_of_sentiments_is_that_of_pairs_counted_one_by_one(sides: Sides) -> None:
    """Cards ask in turn for each sentiment, for one that no classifier knows, and for none."""
    classifier = sides.inputs.models.sentiment
    asked = [*classifier.values, "proud", ""]
    cards = [{"sentiment": asked[i % 5]} if i % 5 < 4 else {} for i in range(len(sides.corpus))]
    corpus = Texts(sides.corpus.texts, sides.inputs.models, cards=cards)
    said = classifier.classify(corpus.texts, sides.corpus.vectors)
    pairs = [(asked[i % 5], found) for i, found in enumerate(said) if i % 5 < 3]
    found = Sides(Inputs(corpus, None, sides.inputs.models)).value("sentiment_agreement")
    assert found == pytest.approx(sum(a == b for a, b in pairs) / len(pairs), abs=1e-12)
    assert 0 < found < 1
