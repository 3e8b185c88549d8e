"""The tables: equal epsilon and size, and equal tokens."""

from __future__ import annotations

import math

from tests.compare.conftest import comparison, outcome

from rpsg.compare.tables import equal_epsilon, rows_of, settings_of
from rpsg.compare.token_tables import choose, equal_tokens


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
