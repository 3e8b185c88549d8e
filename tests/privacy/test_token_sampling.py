"""Tokens drawn from sums of clipped scores: the draw is exact, and costs no more than its rule says."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import PrivacyError
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.gaussian import delta_of, mu_for
from rpsg.privacy.histogram import Query
from rpsg.privacy.sensitivity import sensitivity2
from rpsg.privacy.token_sampling import (
    RULE,
    SCALE,
    TOKEN_SIGMA,
    Choices,
    References,
    chances,
    draw,
    is_text,
    is_whole,
    largest_clip,
    offered,
    require_bounded,
    summed,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Chi-squared with 3 degrees of freedom is above this once in a million.
ONCE_IN_A_MILLION = 30.67


def fixed(number: int, _: int) -> int:
    return number


def query(w: int = SCALE, k: int = 4, c: int = 1, dim: int = 3) -> Query:
    return Query("tokens", "the next token", dim, RULE, TOKEN_SIGMA, k=k, c=c, w=w)


def profile(one: Sequence[Fraction], other: Sequence[Fraction], epsilon: float) -> float:
    """The exact delta at epsilon between two finite distributions."""
    bound = math.exp(epsilon)
    return math.fsum(max(0.0, float(p) - bound * float(q)) for p, q in zip(one, other, strict=True))


# -- the draw ---------------------------------------------------------------------------------------------


def test_the_chances_are_rational_and_in_proportion_to_the_exponentials() -> None:
    scores = [0, SCALE, -3 * SCALE // 2, 7]
    exact = chances(scores)
    assert sum(exact) == 1
    for i, j in itertools.permutations(range(4), 2):
        ratio = math.exp((scores[i] - scores[j]) / SCALE)
        assert float(exact[i] / exact[j]) == pytest.approx(ratio, rel=1e-14)


def test_every_random_number_is_one_token_and_each_token_has_as_many_as_its_weight() -> None:
    scores, each = [0, -40 * SCALE, 5], weights([0, -40 * SCALE, 5])
    edges = [0, *itertools.accumulate(each)]
    for place in range(3):
        for number in (edges[place], edges[place + 1] - 1):
            assert draw(scores, partial(fixed, number)) == place


def test_the_random_number_is_asked_for_below_the_exact_sum() -> None:
    assert draw([3, 4, 5], lambda most: most - 1) == 2
    with pytest.raises(ValueError, match="was not below"):
        draw([3, 4, 5], lambda _: sum(weights([3, 4, 5])))


def test_drawn_tokens_have_the_distribution_that_is_stated() -> None:
    scores, draws = [0, SCALE // 2, SCALE, -SCALE], 4000
    seen = Counter(draw(scores) for _ in range(draws))
    chi = sum((seen[i] - draws * float(p)) ** 2 / (draws * float(p)) for i, p in enumerate(chances(scores)))
    assert chi < ONCE_IN_A_MILLION


def test_the_least_likely_token_still_has_a_weight_that_is_right_to_200_bits() -> None:
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 150
        exact = Decimal(-192).exp() * Decimal(1 << 512)
        assert abs(weights([0, -192 * SCALE])[1] - exact) / exact < Decimal(2) ** -200


def test_scores_too_far_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 200"):
        weights([0, 201 * SCALE])


# -- what it costs ----------------------------------------------------------------------------------------


def test_the_noise_of_a_draw_has_its_golden_value() -> None:
    assert pytest.approx(26145.0812, abs=1e-3) == TOKEN_SIGMA
    assert math.sqrt(2 / math.pi) * SCALE > TOKEN_SIGMA


@given(st.floats(1e-6, 40.0))
def test_a_coin_of_bounded_range_costs_no_more_than_its_gaussian(x: float) -> None:
    """Phi^-1(p) - Phi^-1(q) <= sqrt(2 pi) / 4 * x for all p, q with log odds x apart."""
    for at in np.linspace(-x - 6, 6, 41):
        lower, upper = 1 / (1 + math.exp(-at)), 1 / (1 + math.exp(-at - x))
        if upper < 1 - 1e-12 and lower > 1e-12:
            mu = NormalDist().inv_cdf(upper) - NormalDist().inv_cdf(lower)
            assert mu <= math.sqrt(2 * math.pi) / 4 * x * (1 + 1e-6)


@pytest.mark.parametrize("moved", [(1, -1, 1), (1, 1, -1), (-1, 1, 0), (1, 0, -1)])
@pytest.mark.parametrize("w", [SCALE // 8, SCALE, 3 * SCALE])
def test_what_one_token_tells_is_within_its_price_at_every_epsilon(w: int, moved: tuple[int, ...]) -> None:
    with_, without = chances([s * w + 100 for s in moved]), chances([100] * 3)
    mu = w / TOKEN_SIGMA
    for epsilon in np.linspace(0, 2 * w / SCALE + 0.5, 40):
        for pair in ((with_, without), (without, with_)):
            assert profile(*pair, epsilon) <= delta_of(mu, epsilon) + 1e-12


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_text_of_two_tokens_by_enumeration(length: int) -> None:
    """Every text of ``length`` tokens out of two: the exact delta is below that of the rule.

    The person pushes the token that the text would hold next, so later scores depend on earlier tokens.
    """
    w = SCALE // 2
    with_, without = [], []
    for text in itertools.product((0, 1), repeat=length):
        p = q = Fraction(1)
        for place, token in enumerate(text):
            public = [0, SCALE * (1 if place and text[place - 1] else -1) // 3]
            pushed = [public[0] + w, public[1] - w] if place % 2 else [public[0] - w, public[1] + w]
            p, q = p * chances(pushed)[token], q * chances(public)[token]
        with_.append(p)
        without.append(q)
    assert sum(with_) == sum(without) == 1
    mu = math.sqrt(length) * w / TOKEN_SIGMA
    for epsilon in np.linspace(0, 3, 61):
        assert profile(with_, without, epsilon) <= delta_of(mu, epsilon) + 1e-12
    largest = max(abs(math.log(p / q)) for p, q in zip(with_, without, strict=True))
    assert largest <= length * 2 * w / SCALE


@pytest.mark.parametrize(
    ("k", "w", "c", "square"), [(1, 1, 1, 1), (50, 1, 1, 50), (50, 3, 1, 450), (50, 3, 2, 1800)]
)
def test_the_rule_has_its_square_and_replace_one_four_times_that(k: int, w: int, c: int, square: int) -> None:
    assert sensitivity2(RULE, k, w, c, "add_remove") == square
    assert sensitivity2(RULE, k, w, c, "replace_one") == 4 * square


@pytest.mark.parametrize("adjacency", ["add_remove", "replace_one"])
@pytest.mark.parametrize("c", [1, 3])
def test_the_largest_clip_uses_the_budget_and_no_draw_has_less_noise_than_it_pays_for(
    adjacency: Any, c: int
) -> None:
    mu = mu_for(2.0, 1e-6) * (1 - 1e-6)
    w = largest_clip(mu, 50, c, doubled=adjacency == "replace_one")
    for clip, fits in ((w, True), (w + 2, False)):
        plan = StagePlan("tokens", 1.0, RULE, k=50, w=clip, c=c)
        budget = calibrate(2.0, 1e-6, [plan], adjacency=adjacency)
        assert budget.epsilon_spent <= 2.0
        assert (budget.releases[0].sigma <= TOKEN_SIGMA) == fits
        assert budget.releases[0].sigma == pytest.approx(TOKEN_SIGMA, rel=3 / w)


def test_clips_have_golden_values() -> None:
    """100 tokens at delta 1e-6 with 63 people a text, in logits: 15 % below what zCDP with its loss gives."""
    found = [largest_clip(mu_for(e, 1e-6), 100, 1, doubled=False) / SCALE * 63 for e in (1, 2, 4, 8)]
    assert found == pytest.approx([1.19, 2.25, 4.21, 7.69], abs=0.01)


# -- what a person can move -------------------------------------------------------------------------------

ROWS = st.lists(
    st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan), st.just(math.inf)), min_size=3, max_size=3),
    min_size=1,
    max_size=6,
)


@given(ROWS, st.integers(1, 3 * SCALE), st.data())
def test_one_row_moves_a_sum_by_at_most_w_whatever_the_others_are(
    rows: list[list[float]], w: int, data: Any
) -> None:
    asked, table = query(w=w), np.array(rows)
    gone = data.draw(st.integers(0, len(rows) - 1))
    fewer = np.delete(table, gone, axis=0)
    moved = summed(asked, table, 3) - summed(asked, fewer, 3)
    assert np.abs(moved).max() <= w


def test_what_is_not_a_number_counts_as_nothing() -> None:
    assert summed(query(), np.array([[math.nan, 1.0, 0.0], [0.5, 0.0, -9.0]]), 3).tolist() == [
        SCALE // 2,
        0,
        -SCALE,
    ]


def test_a_sum_of_very_many_rows_stays_where_weights_are_exact() -> None:
    together = summed(query(w=3 * SCALE), np.array([[3.0, -3.0]] * 100), 2)
    assert together.tolist() == [64 * SCALE, -64 * SCALE]
    tokens, public = offered(Choices(((1, "a"), (2, "b"), (3, "c")), np.array([0.0, -64.0, -65.0])))
    assert [number for number, _ in tokens] == [1, 2], "a token that is too unlikely is not offered"
    assert len(weights([int(s) for s in public - together])) == 2


def rows_of(units: list[int], texts: list[int]) -> References:
    tags = tuple(b"person %d" % unit for unit in units)
    who, where = np.array(units, np.int64), np.array(texts, np.int64)
    return References(who, where, tags, lambda *_: np.zeros((0, 0)))


def test_a_person_may_have_c_rows_in_one_text() -> None:
    require_bounded(query(c=2), rows_of([5, 5, 7], [1, 1, 2]))
    require_bounded(query(), rows_of([], []))


@pytest.mark.parametrize(
    ("units", "texts"), [([5, 5, 5], [1, 1, 1]), ([5, 5], [1, 2]), ([5], [3]), ([5], [-1])]
)
def test_more_rows_or_rows_in_several_texts_stop_the_run(units: list[int], texts: list[int]) -> None:
    with pytest.raises(PrivacyError, match="broke its contribution rule S7_token_scores"):
        require_bounded(query(c=2), rows_of(units, texts))


@pytest.mark.parametrize(
    ("tokens", "scores"), [((), []), (((1, "a"),), [math.nan]), (((1, "a"), (1, "b")), [0.0, 1.0])]
)
def test_choices_that_are_none_are_refused(tokens: Any, scores: list[float]) -> None:
    with pytest.raises(ValueError, match="choices are"):
        offered(Choices(tokens, np.array(scores)))


def test_a_text_is_whole_when_it_has_ended_or_is_full() -> None:
    word, end = (5, " a"), (0, "")
    assert [is_whole(t, 2) for t in ([], [word], [word, word], [end])] == [False, False, True, True]
    assert [is_text(t, 2) for t in ([word], [word, end], [end, word], [word] * 3)] == [
        False,
        True,
        False,
        False,
    ]
