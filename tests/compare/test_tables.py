"""The tables: equal epsilon and size, equal tokens, and who wins."""

from __future__ import annotations

import math

from tests.compare.conftest import comparison, outcome

from rpsg.compare.tables import equal_epsilon, rows_of, settings_of
from rpsg.compare.token_tables import choose, equal_tokens
from rpsg.compare.winners import all_together, standings


def test_a_table_has_one_epsilon_and_what_uses_none_is_in_each() -> None:
    found = comparison(
        outcome("floor", 9.0, reads="nothing"),
        outcome("ours", 1.0, epsilon=1.0),
        outcome("ours", 0.9, epsilon=2.0),
        outcome("unbound", 0.5, epsilon=None, reads="records"),
        outcome("ceiling", 0.1),
    )
    tables = equal_epsilon(found)
    assert [table.epsilon for table in tables] == [1.0, 2.0]
    assert [row.method for row in tables[1].rows] == ["floor", "ours", "unbound", "ceiling"]
    ours = tables[1].rows[1].metric("fid")
    assert ours is not None
    assert ours.mean == 0.9


def test_infinity_has_a_table_and_a_method_that_cannot_is_in_it_with_its_reason() -> None:
    found = comparison(
        outcome("ours", 1.0, epsilon=math.inf, state="not supported", reason="It adds noise."),
        outcome("trained", 2.0, epsilon=math.inf),
    )
    (table,) = equal_epsilon(found)
    ours = table.rows[0]
    assert ours.cells == ()
    assert ours.states == {"not supported": (1, "It adds noise.")}
    assert "∞" in table.title


def test_other_people_sizes_writers_and_temperatures_are_other_tables() -> None:
    found = comparison(
        outcome("ours", 1.0, size=100),
        outcome("ours", 1.0, size=200),
        outcome("ours", 1.0, size=100, temperature=0.5),
    )
    assert [(s.size, s.temperature) for s in settings_of(found)] == [(100, None), (200, None), (100, 0.5)]
    assert all(len(table.rows) == 1 for table in equal_epsilon(found))


def test_real_texts_are_the_ceiling_of_every_temperature() -> None:
    found = comparison(outcome("ours", 1.0, temperature=0.5), outcome("ceiling", 0.1))
    (setting,) = settings_of(found)
    assert [row.method for row in rows_of(found, setting)] == ["ours", "ceiling"]


def test_tokens_for_a_thousand_texts_are_of_texts_that_were_released() -> None:
    (setting,) = settings_of(found := comparison(outcome("ours", 1.0, tokens=5000, size=100, texts=50)))
    (row,) = rows_of(found, setting)
    per_thousand = row.per_thousand("tokens")
    assert per_thousand is not None
    assert per_thousand.mean == 100_000
    assert row.is_short


def test_at_equal_tokens_each_family_enters_with_its_dearest_corpus_that_fits() -> None:
    """Budgets 10,000 and 60,000: the long runs of the other family fit into neither of them or one."""
    found = comparison(
        outcome("ours", 1.0, tokens=10_000),
        outcome("ours, more", 0.8, tokens=30_000, family="ours"),
        outcome("theirs", 1.5, tokens=60_000),
        outcome("theirs, once", 3.0, tokens=9_000, family="theirs"),
        outcome("theirs, twice", 2.0, tokens=10_400, family="theirs"),
    )
    small, large = equal_tokens(found)
    assert (small.whose, small.budget) == ("theirs", 9_000)
    # Families within five hundredths share a budget; 9,000 and 10,000 do not.
    assert (large.whose, large.budget) == ("ours", 10_000)
    picked = {choice.family: choice.row.method if choice.row else None for choice in large.choices}
    assert picked == {"ours": "ours", "theirs": "theirs, twice"}
    assert {c.family: c.row.method if c.row else None for c in small.choices} == {
        "ours": None,
        "theirs": "theirs, once",
    }
    assert small.choices[0].cheapest == 10_000


def test_a_smaller_corpus_may_be_what_the_tokens_are_enough_for_and_its_size_is_told() -> None:
    found = comparison(
        outcome("ours", 1.0, tokens=10_000, size=100),
        outcome("theirs", 1.5, tokens=60_000, size=100),
        outcome("theirs", 2.5, tokens=10_200, size=20),
    )
    first, second = equal_tokens(found)
    theirs = first.choices[1]
    assert theirs.row is not None
    assert (theirs.size, theirs.row.texts) == (20, (20, 20))
    assert second.whose == "theirs"


def test_budgets_that_are_nearly_the_same_are_one_table() -> None:
    found = comparison(outcome("ours", 1.0, tokens=10_000), outcome("theirs", 1.5, tokens=10_300))
    (table,) = equal_tokens(found)
    assert (table.whose, table.budget) == ("ours or theirs", 10_300)
    assert all(choice.row is not None for choice in table.choices)


def test_five_hundredths_more_than_the_budget_still_fit_and_six_do_not() -> None:
    rows = {tokens: rows_of(c, settings_of(c)[0])[0] for tokens in (1050, 1060) for c in [one(tokens)]}
    assert choose("ours", [(100, rows[1050])], 1000).row is rows[1050]
    assert choose("ours", [(100, rows[1060])], 1000).row is None


def one(tokens: int):  # type: ignore[no-untyped-def]  # noqa: ANN201  # a comparison of one cell
    return comparison(outcome("ours", 1.0, tokens=tokens))


def test_a_floor_sets_no_budget_and_a_method_without_counted_tokens_is_not_compared_by_them() -> None:
    found = comparison(
        outcome("floor", 9.0, tokens=10, reads="nothing"),
        outcome("ours", 1.0, tokens=10_000),
        outcome("theirs", 1.0, tokens=20_000),
        outcome("trained", 1.0),
    )
    tables = equal_tokens(found)
    assert [table.whose for table in tables] == ["ours", "theirs"]
    assert all("trained" not in {c.family for c in table.choices} for table in tables)


def seeds(method: str, values: list[float], **more: float) -> list:  # type: ignore[type-arg]  # cells
    return [outcome(method, value, seed=i, **more) for i, value in enumerate(values)]  # type: ignore[arg-type]  # metrics by name


def test_who_wins_is_told_with_how_much_of_it_is_beyond_chance() -> None:
    found = comparison(
        *seeds("ours", [1.0, 2.0, 3.0]), *seeds("theirs", [1.5, 2.5, 3.55]), *seeds("ceiling", [0, 0, 0])
    )
    (standing,) = standings(found)
    (win,) = standing.wins
    assert (win.method, win.beaten, win.beyond_chance) == ("ours", ("theirs",), True)
    words = standing.in_words()
    assert ": 1 metric. The best is ours on 1 (by more than chance on 1). On none: theirs." in words


def test_higher_wins_where_higher_is_better_and_one_seed_says_that_it_is_one() -> None:
    found = comparison(outcome("ours", 2.0, mauve=0.5), outcome("theirs", 1.0, mauve=0.9))
    (standing,) = standings(found)
    assert [(win.metric, win.method, win.beyond_chance) for win in standing.wins] == [
        ("fid", "theirs", None),
        ("mauve", "theirs", None),
    ]
    assert "One seed" in standing.in_words()


def test_nobody_wins_where_two_are_equal() -> None:
    found = comparison(outcome("ours", 1.0), outcome("theirs", 1.0))
    (standing,) = standings(found)
    assert standing.wins[0].method == ""
    assert "nobody on 1 (equal)" in standing.in_words()


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


def test_a_winner_that_is_no_better_than_the_floor_is_marked() -> None:
    found = comparison(outcome("floor", 1.0, reads="nothing"), outcome("ours", 2.0), outcome("theirs", 3.0))
    (standing,) = standings(found)
    assert standing.wins[0].over_floor is False


def test_a_name_with_a_comma_is_told_apart_from_its_neighbours_and_tables_are_added_up() -> None:
    found = comparison(
        outcome("strict, votes", 2.0, epsilon=1.0),
        outcome("ours", 1.0, epsilon=1.0),
        outcome("strict, votes", 2.0, epsilon=2.0),
        outcome("ours", 3.0, epsilon=2.0),
    )
    both = standings(found)
    assert all_together(both) == (
        "All 2 tables together: 2 comparisons. The best is ours on 1; strict, votes on 1."
    )
    assert all_together(both[:1]) == ""


def test_who_wins_without_protecting_everybody_is_named_with_that() -> None:
    found = comparison(
        outcome("ours", 2.0), outcome("halves", 1.0, reads="donors"), outcome("trained", 3.0, reads="records")
    )
    (standing,) = standings(found)
    assert "The best is halves (voters only) on 1" in standing.in_words()
    assert "On none: ours; trained (no claim)." in standing.in_words()
