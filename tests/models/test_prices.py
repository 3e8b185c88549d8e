"""What models cost is what a user wrote down, and nothing else."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import UsageError
from rpsg.pipeline.cost import example, find_price, price_for, read_prices
from rpsg.storage.limits import Price

if TYPE_CHECKING:
    from pathlib import Path

LINE = '[[models]]\nname = "{name}"\nprompt = {prompt}\ncompletion = 2.0\nseen = 2026-01-31\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(
        LINE.format(name="openai:a-mini*", prompt=0.5) + LINE.format(name="openai:a-*", prompt=1.0)
    )
    return path


def test_the_table_that_comes_with_rpsg_invents_no_price() -> None:
    shipped = read_prices()
    assert [line.name for line in shipped.models] == ["this machine"]
    assert shipped.models[0].price == Price(0.0, 0.0)


def test_the_first_line_that_fits_counts(table: Path) -> None:
    prices = read_prices(str(table))
    found = [
        find_price(name, here=False, table=prices) for name in ("openai:a-mini-2", "openai:a-2", "openai:b")
    ]
    assert [line and line.prompt for line in found] == [0.5, 1.0, None]


def test_a_million_tokens_cost_what_the_line_says() -> None:
    assert Price(0.5, 2.0).of(1_000_000, 500_000) == pytest.approx(1.5)


def test_a_model_of_this_machine_costs_nothing_under_any_table(table: Path) -> None:
    assert price_for("openai:a-2", here=True, prices=str(table), needed=True) == Price()


def test_a_price_that_is_not_known_matters_only_under_a_limit_of_cost() -> None:
    assert price_for("openai:b", here=False, needed=False) == Price()
    with pytest.raises(UsageError) as refused:
        price_for("openai:b", here=False, needed=True)
    assert example("openai:b") in refused.value.hint


def test_the_lines_that_are_shown_are_a_table_once_they_are_filled_in(tmp_path: Path) -> None:
    filled = example("azure:d").replace("...", "1.5").replace("YYYY-MM-DD", "2026-03-04")
    tomllib.loads(filled)
    (tmp_path / "p.toml").write_text(filled)
    assert price_for("azure:d", here=False, prices=str(tmp_path / "p.toml"), needed=True) == Price(1.5, 1.5)


@pytest.mark.parametrize(
    "wrong",
    [
        LINE.format(name="a", prompt=-1),
        LINE.format(name="a", prompt="nan"),
        LINE.format(name="a", prompt='"much"'),
        LINE.format(name="a", prompt=1.0).replace("seen = 2026-01-31\n", ""),
        "[[model]]\n",
        "[[models",
        "\xff",
    ],
)
def test_a_table_that_does_not_hold_together_is_a_sentence(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "p.toml").write_bytes(wrong.encode("latin-1"))
    with pytest.raises(UsageError, match="table of prices"):
        read_prices(str(tmp_path / "p.toml"))


def test_a_table_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no table of prices"):
        read_prices(str(tmp_path / "p.toml"))
