"""Columns beside the text are counted in the question of the cards, and cost what their number says."""

from __future__ import annotations

import random
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.methods.tickets import COLUMNS, VALUES, run

from rpsg.domains import find_pack
from rpsg.domains.pack import MOST_COMBINATIONS
from rpsg.errors import UsageError
from rpsg.methods.budget import strict_budget
from rpsg.privacy.histogram import Query, clean_histogram
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document
from rpsg.stages.annotate import annotate, describe
from rpsg.stages.cards import CardModel, card_row_cells, cells, in_words, shapes
from rpsg.stages.contributions import unit_numbers
from rpsg.stages.levels import thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.release.run import Run

__all__ = ["run"]


# -- what is counted --------------------------------------------------------------------------------------


def test_each_column_is_counted_with_those_before_it_then_label_and_sentiment(tiny: Pack) -> None:
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    own = pack.marginals[len(tiny.marginals) + 1 :]
    assert own == (
        ("column priority", "label", "sentiment"),
        ("column product", "column priority", "label", "sentiment"),
        ("column opened", "column product", "column priority", "label"),
    )


def test_a_column_is_tied_to_what_texts_are_about_by_groups_of_topics() -> None:
    """With few people it is counted alone; the topics are counted by themselves in any case."""
    pack = find_pack("support").with_columns([("product", ("router", "app"))])
    groups = len(pack.attribute("topic").groups)
    assert pack.marginals[-1] == ("column product", "topic", "sentiment")
    assert shapes(pack)[-1] == (2, groups, 3)
    assert shapes(thinned(pack, 100_000, 5.0)) == shapes(pack)
    assert shapes(thinned(pack, 10 * 2 * groups * 3, 5.0))[-1] == (2, groups, 3)
    assert shapes(thinned(pack, 10 * 2 * groups * 3 - 1, 5.0))[-1] == (2, groups)
    assert shapes(thinned(pack, 5 * groups, 5.0))[-1] == (2, groups)
    assert shapes(thinned(pack, 5 * groups - 1, 5.0))[-1] == (2,)
    assert in_words(pack).endswith("; column product x topic groups x sentiment")


def test_cards_have_the_column_that_goes_with_the_group_of_their_topic() -> None:
    pack = find_pack("support").with_columns([("product", ("router", "app"))])
    topic = pack.attribute("topic")
    first = next(iter(topic.groups))
    counts = [np.full(shape, 100.0) for shape in shapes(pack)]
    counts[-1][0, 0], counts[-1][1, 0] = 300.0, 0.0  # of the first group's texts all are about a router
    model = CardModel(pack, tuple(table / table.sum() for table in counts))
    cards = model.draw(4_000, np.random.default_rng(0))
    of_first = [card.values for card in cards if topic.headings[card.values["topic"]] == first]
    assert len(of_first) > 100
    assert {values["column product"] for values in of_first} == {"router"}
    assert {card.values["column product"] for card in cards} == {"router", "app"}


@pytest.mark.parametrize("widths", [(60, 60, 60), (2,) * 8, (9, 8, 2, 30), (3, 4, 12, 7)])
def test_no_column_is_counted_with_more_than_a_public_number_of_combinations(
    tiny: Pack, widths: Sequence[int]
) -> None:
    names = [f"c{i}" for i in range(len(widths))]
    columns = [(name, tuple(map(str, range(width)))) for name, width in zip(names, widths, strict=True)]
    pack = tiny.with_label(("food", "drink")).with_columns(columns)
    own = shapes(pack)[len(tiny.marginals) + 1 :]
    assert len(own) == len(widths), "one marginal each, so that the noise is known before anybody is counted"
    assert all(prod(shape) <= max(shape[0], MOST_COMBINATIONS) for shape in own)
    assert [shape[0] for shape in own] == list(widths)


@pytest.mark.parametrize("n", [0, 20, 60, 120, 400, 100_000])
def test_few_people_take_detail_and_never_a_column_or_a_marginal(tiny: Pack, n: int) -> None:
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    counted = thinned(pack, n, 6.0)
    assert len(counted.marginals) == len(pack.marginals)
    assert {name for group in counted.marginals for name in group} == {
        a.name for a in pack.attributes if a.counted
    }
    for group, whole in zip(counted.marginals[3:], pack.marginals[3:], strict=True):
        assert group == whole[: len(group)]
        assert len(group) == 1 or n >= 12.0 * prod(len(pack.attribute(name).values) for name in group)
    assert (cells(counted) == cells(pack)) == (n > 10_000)


def test_a_pack_s_file_has_no_column(lab: Lab) -> None:
    from rpsg.domains import read_pack

    file = lab.pack / "pack.toml"
    kept = file.read_text()
    try:
        file.write_text(f'{kept}\n[[attributes]]\nname = "column x"\nkind = "column"\nvalues = ["a", "b"]\n')
        with pytest.raises(UsageError, match="Only a run can add"):
            read_pack(lab.pack)
    finally:
        file.write_text(kept)


# -- what it costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "label"])
@pytest.mark.parametrize("rows_each", [1, 3])
def test_noise_and_sensitivity_grow_with_the_number_of_columns(
    lab: Lab, label: str | None, rows_each: int
) -> None:
    """The squared sensitivity of the cards is c * c for each marginal, and there is one for each column."""
    privacy = {"max_records_per_user": rows_each}
    sigmas = []
    for count in range(4):
        data = {"label": label, "columns": dict(list(COLUMNS.items())[:count])}
        plan = lab.plan("", data=data, privacy=privacy)
        cards = strict_budget(plan, lab.tiny()).release("cards")
        assert cards.k == len(lab.tiny().marginals) + (label is not None) + count
        assert cards.sensitivity2("add_remove") == cards.k * rows_each**2
        sigmas.append(cards.sigma / cards.k**0.5)
    assert np.ptp(sigmas) < 1e-5 * sigmas[0], (
        "the noise is in proportion to the length of one person's answer"
    )


def test_the_ledger_says_what_was_counted_and_what_it_cost(run: Run) -> None:
    (cards,) = [line for line in run.ledger["mechanisms"] if line["stage"] == "cards"]
    assert cards["sens"] == {"rule": "S2_one_cell", "k": 5, "w": 1, "c": 1}
    assert cards["sensitivity2"] == 5
    assert "column priority x sentiment; column product x column priority x sentiment" in cards["query"]
    assert {"name": "columns", "role": "declared columns beside the text, and their values"}.items() <= next(
        line for line in run.ledger["public_inputs"] if line["name"] == "columns"
    ).items()


def document(i: int, **columns: str) -> Document:
    return Document(i, f"green tea {i}", "food", f"p{i}", tuple(columns.items()))


@pytest.mark.parametrize("seed", range(8))
def test_one_person_more_or_less_adds_one_to_one_cell_of_each_marginal(
    lab: Lab, tiny: Pack, seed: int
) -> None:
    """Hand-made neighbours: with the person, without, and with other values."""
    rng = random.Random(seed)
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    tools = lab.tools()
    landmarks = describe(pack, tools.embedder)

    def counted(rows: tuple[Document, ...]) -> Any:
        class Fixed:
            rows_, units = Private(rows), Private(unit_numbers(rows))
            embeddings = Private(tools.embedder.embed([row.text for row in rows]))

        people: Any = Fixed()
        people.rows = Fixed.rows_
        traits = annotate(people, pack, landmarks, tools.sentiment)
        query = Query("cards", "", cells(pack), "S2_one_cell", 5.0, k=len(pack.marginals))
        return open_private(
            card_row_cells(traits, Fixed.units, pack).map(lambda cs: clean_histogram(query, cs))
        )

    def somebody(i: int) -> Document:
        return document(i, **{name: rng.choice(values) for name, values in VALUES.items()})

    others = tuple(somebody(i) for i in range(12))
    without, with_one = counted(others), counted((*others, somebody(99)))
    assert np.abs(with_one - without).max() == 1
    assert int(((with_one - without) ** 2).sum()) == len(pack.marginals)
    changed = counted((*others, somebody(99)))
    assert int(((changed - with_one) ** 2).sum()) <= 4 * len(pack.marginals)
