"""Who wins where: which method is better than which, in which metrics, by chance or not, at which cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import comparison, outcome

from rpsg.compare.export import metric_heads, tables_as_text, to_csv, to_latex
from rpsg.compare.informative import LEGEND, uninformative
from rpsg.compare.page import comparison_page
from rpsg.compare.tables import settings_of
from rpsg.compare.winners import all_together, standings

if TYPE_CHECKING:
    from rpsg.compare.outcome import CellOutcome, Comparison


def seeds(method: str, values: list[float], **more: float) -> list[CellOutcome]:
    return [outcome(method, value, seed=i, **more) for i, value in enumerate(values)]  # type: ignore[arg-type]  # metrics by name


def said(found: Comparison) -> str:
    """All sentences about the one table of a comparison."""
    (standing,) = standings(found)
    return standing.in_words()


def test_who_wins_is_told_with_how_much_of_it_is_beyond_chance() -> None:
    found = comparison(*seeds("ours", [1.0, 2.0, 3.0]), *seeds("theirs", [1.5, 2.5, 3.55]))
    (standing,) = standings(found)
    (win,) = standing.wins
    assert (win.method, win.beaten, win.beyond_chance) == ("ours", ("theirs",), True)
    assert "Metrics that count: 1. ours is best in 1." in said(found)
    assert "ours is better than theirs in FID by more than chance; theirs is better in none." in said(found)


def test_a_lead_that_may_be_chance_is_told_apart_from_one_that_is_not() -> None:
    found = comparison(
        *(outcome("ours", 1.0, seed=i, mauve=value) for i, value in enumerate((0.9, 0.5, 0.7))),
        *(outcome("theirs", 2.0 + i / 100, seed=i, mauve=value) for i, value in enumerate((0.2, 0.8, 0.6))),
    )
    assert (
        "ours is better than theirs in FID by more than chance, and in MAUVE by what may be chance; "
        "theirs is better in none."
    ) in said(found)


def test_a_method_is_not_only_better_but_also_worse() -> None:
    found = comparison(
        outcome("ours", 2.0, mauve=0.5, coverage=0.9), outcome("theirs", 1.0, mauve=0.4, coverage=0.8)
    )
    assert "ours is better than theirs in coverage and MAUVE; theirs is better in FID." in said(found)


def test_what_a_win_costs_is_told_by_the_ratio_of_tokens() -> None:
    def costs(ours: int | None, theirs: int | None) -> str:
        return said(comparison(outcome("ours", 1.0, tokens=ours), outcome("theirs", 2.0, tokens=theirs)))

    assert "theirs takes 1.4 times as many tokens as ours." in costs(1000, 1400)
    assert "ours takes 12 times as many tokens as theirs." in costs(12_000, 1000)
    assert "They take about the same number of tokens." in costs(1000, 1040)
    assert "The tokens of theirs are not counted." in costs(1000, None)
    assert "tokens" not in costs(None, None)


def test_higher_wins_where_higher_is_better_and_one_seed_says_that_it_is_one() -> None:
    found = comparison(outcome("ours", 2.0, mauve=0.5), outcome("theirs", 1.0, mauve=0.9))
    (standing,) = standings(found)
    assert [(win.metric, win.method, win.beyond_chance) for win in standing.wins] == [
        ("fid", "theirs", None),
        ("mauve", "theirs", None),
    ]
    assert "With one seed nobody can tell how much of this is chance." in said(found)
    assert "With one seed" not in said(comparison(*seeds("ours", [1.0, 2.0]), *seeds("theirs", [2.0, 3.0])))


def test_nobody_wins_where_two_are_equal() -> None:
    found = comparison(outcome("ours", 1.0), outcome("theirs", 1.0))
    (standing,) = standings(found)
    assert standing.wins[0].method == ""
    assert "no method is best in 1 (equal)" in said(found)
    assert "They are equal in FID." in said(found)


def test_a_corpus_with_too_few_texts_competes_with_nobody_and_says_why() -> None:
    found = comparison(
        outcome("ours", 2.0), outcome("theirs", 1.0, texts=94), outcome("third", 3.0, texts=95)
    )
    (standing,) = standings(found)
    assert standing.wins[0].method == "ours"
    assert standing.left_out == ("theirs: it released too few texts to be compared",)


def test_methods_without_an_epsilon_do_not_compete_with_those_that_keep_one() -> None:
    found = comparison(
        outcome("ours", 2.0), outcome("theirs", 3.0), outcome("unbound", 0.1, epsilon=None, reads="records")
    )
    (standing,) = standings(found)
    assert standing.wins[0].method == "ours"
    assert "unbound" not in standing.wins[0].beaten


def test_the_winner_is_set_beside_the_floor_too() -> None:
    found = comparison(outcome("floor", 1.0, reads="nothing"), outcome("ours", 2.0), outcome("theirs", 3.0))
    assert "ours is better than floor (no private data) in no metric; floor is better in FID." in said(found)


def test_a_method_without_a_rival_is_set_beside_the_floor_and_without_a_floor_nothing_is_said() -> None:
    alone = outcome("ours", 1.0)
    assert "ours is better than floor" in said(comparison(outcome("floor", 2.0, reads="nothing"), alone))
    assert said(comparison(alone)) == ""
    assert said(comparison(outcome("floor", 2.0, reads="nothing"))) == ""


def test_a_name_with_a_comma_is_told_apart_from_its_neighbours_and_tables_are_added_up() -> None:
    found = comparison(
        outcome("strict, votes", 2.0, epsilon=1.0, mauve=0.5),
        outcome("ours", 1.0, epsilon=1.0, mauve=0.6),
        outcome("strict, votes", 2.0, epsilon=2.0, mauve=0.5),
        outcome("ours", 3.0, epsilon=2.0, mauve=0.6),
    )
    both = standings(found)
    assert all_together(both) == (
        "All 2 tables together: ours is better than strict, votes in 3 of 4 figures and worse in 1."
    )
    assert "strict, votes is best in 1; ours is best in 1." in both[1].in_words()
    assert all_together(both[:1]) == ""


def test_tables_together_tell_how_many_of_the_wins_are_more_than_chance() -> None:
    found = comparison(
        *seeds("ours", [1.0, 1.0], epsilon=1.0),
        *seeds("theirs", [2.0, 2.1], epsilon=1.0),
        *seeds("ours", [1.0, 1.0], epsilon=2.0),
        *seeds("theirs", [1.1, 3.0], epsilon=2.0),
    )
    assert "ours is better than theirs in 2 (1 by more than chance) of 2 figures and worse in 0." in (
        all_together(standings(found))
    )


def test_who_wins_without_protecting_everybody_is_named_with_that() -> None:
    found = comparison(
        outcome("ours", 2.0), outcome("halves", 1.0, reads="donors"), outcome("trained", 3.0, reads="records")
    )
    assert "halves (voters only) is best in 1." in said(found)
    assert "halves (voters only) is better than trained (no claim) in FID" in said(found)


# -- metrics that cannot tell -----------------------------------------------------------------------------


def with_bounds(floor: float, ceiling: float, reach: float | None = None) -> Comparison:
    """Two methods between a floor and a ceiling, whose MAUVE is as given and whose FID tells."""
    return comparison(
        outcome("floor", 5.0, reads="nothing", mauve=floor, reach=reach),
        outcome("ours", 1.0, mauve=0.9, reach=reach),
        outcome("theirs", 2.0, mauve=0.99, reach=reach),
        outcome("ceiling", 0.1, mauve=ceiling, reach=reach),
    )


def silent(found: Comparison) -> frozenset[str]:
    (setting,) = settings_of(found)
    return uninformative(found, setting)


@pytest.mark.parametrize(
    ("floor", "ceiling", "reach", "cannot_tell"),
    [
        (0.8, 0.9, None, False),
        (0.9, 0.9, None, True),
        (0.95, 0.9, None, True),
        (0.8, 0.9, 0.05, False),
        # A gap of 0.1 is within two intervals of 0.08 each: the hypotenuse is 0.11.
        (0.8, 0.9, 0.08, True),
    ],
)
def test_a_metric_cannot_tell_if_real_texts_are_no_better_than_the_floor(
    floor: float, ceiling: float, reach: float | None, cannot_tell: bool
) -> None:
    assert silent(with_bounds(floor, ceiling, reach)) == ({"mauve"} if cannot_tell else set())


def test_the_interval_of_a_mean_over_seeds_is_narrower_than_that_of_one_seed() -> None:
    def over(number: int) -> Comparison:
        return comparison(
            *(
                outcome(name, 1.0, seed=i, mauve=value, reach=0.08, reads=reads)
                for i in range(number)
                for name, value, reads in (
                    ("floor", 0.8, "nothing"),
                    ("ours", 0.85, "noisy_answers"),
                    ("ceiling", 0.9, ""),
                )
            )
        )

    assert "mauve" in silent(over(1))
    assert "mauve" not in silent(over(3))


def test_a_metric_that_cannot_tell_is_not_counted_and_the_sentence_says_why() -> None:
    found = with_bounds(0.95, 0.9)
    (standing,) = standings(found)
    assert [win.metric for win in standing.wins] == ["fid"]
    assert "MAUVE" not in standing.in_words().partition("Not counted")[0]
    assert "Not counted: MAUVE. In these, real texts are not better than the floor by more" in said(found)
    assert "Not counted" not in said(with_bounds(0.8, 0.9))


def test_if_no_metric_can_tell_nothing_is_said_about_who_wins() -> None:
    found = comparison(
        outcome("floor", 1.0, reads="nothing"),
        outcome("ours", 1.0),
        outcome("theirs", 2.0),
        outcome("ceiling", 1.5),
    )
    assert said(found).endswith("So nothing can be said about who wins.")
    assert "is better than" not in said(found)


def test_a_metric_that_cannot_tell_is_marked_in_every_table_and_the_mark_is_explained() -> None:
    found, other = with_bounds(0.95, 0.9), with_bounds(0.8, 0.9)
    (setting,) = settings_of(found)
    assert metric_heads(found, setting) == ["FID ↓", "MAUVE ↑ (=)"]
    for _, columns, _ in tables_as_text(found):
        assert "MAUVE ↑ (=)" in columns
    assert LEGEND.partition(" by more")[0] in to_latex(found).replace("\n", " ")
    assert "(=)" not in to_latex(other)
    assert "MAUVE ↑ (=)" in comparison_page(found)
    assert LEGEND in comparison_page(found)
    assert "(=)" not in comparison_page(other)
    assert ",mauve," in to_csv(found).splitlines()[2]
    assert ",mauve," not in to_csv(other).splitlines()[2]


def test_a_metric_that_cannot_tell_has_no_star() -> None:
    """In MAUVE theirs has the larger mean; only the best FID is marked."""
    assert comparison_page(with_bounds(0.95, 0.9)).count('class="best"') == 1
    assert comparison_page(with_bounds(0.8, 0.9)).count('class="best"') == 2
