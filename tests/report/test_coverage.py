"""Who is in the corpus, from noisy counts: the sums, their noise, and those whom the noise hides."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg.release.coverage import Coverage, Noisy, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.release.reader import Release
    from rpsg.release.run import Run


def by_the_ledger(run: Run, release: Release) -> dict[str, tuple[float, dict[str, int]]]:
    """Noise and counts of every attribute, summed cell by cell along the marginals that the ledger names."""
    lines = [line for line in run.ledger["mechanisms"] if "dim" in line]
    number, line = next((i, line) for i, line in enumerate(lines) if line["stage"] == "cards")
    evidence = json.loads((run.release / f"evidence/release-{number:03d}.json").read_bytes())
    cells = iter(evidence["values"])
    values = {a.name: a.values for a in release.pack.with_label(release.labels).attributes}
    found: dict[str, tuple[float, dict[str, int]]] = {}
    for marginal in line["query"].partition(": ")[2].split("; "):
        names = marginal.split(" x ")
        counts = {name: dict.fromkeys(values[name], 0) for name in names}
        for combination in product(*(values[name] for name in names)):
            count = next(cells)
            for name, value in zip(names, combination, strict=True):
                counts[name][value] += count
        for name in names:
            summed = math.prod(len(values[other]) for other in names if other != name)
            noise = line["sigma"] * math.sqrt(summed)
            if name not in found or noise < found[name][0]:
                found[name] = (noise, counts[name])
    assert next(cells, None) is None
    return found


@pytest.mark.parametrize("name", ["strict", "labels"])
def test_counts_are_sums_over_the_marginals_of_the_ledger_with_the_least_noise(
    reported: Callable[[str], Run], release_of: Callable[[str], Release], name: str
) -> None:
    release = release_of(name)
    expected = by_the_ledger(reported(name), release)
    assert release.noisy_counts is not None
    assert release.noisy_counts.counts == {name: counts for name, (_, counts) in expected.items()}
    assert release.noisy_counts.sigma == pytest.approx({name: noise for name, (noise, _) in expected.items()})
    assert {c.attribute for c in release.coverage} == expected.keys()
    for covered in release.coverage:
        noise, counts = expected[covered.attribute]
        assert {v.name: v.noisy.count for v in covered.values if v.noisy is not None} == counts
        assert all(v.noisy and v.noisy.sigma == pytest.approx(noise) for v in covered.values)


@pytest.mark.parametrize("name", ["strict", "labels"])
def test_the_page_says_of_every_value_what_the_evaluation_says(
    reported: Callable[[str], Run], release_of: Callable[[str], Release], name: str
) -> None:
    found = rpsg.evaluate(reported(name).path, write_floor=False, metrics=["attribute_coverage"])
    theirs = found.line("attribute_coverage").corpus.details["attributes"]
    release = release_of(name)
    assert theirs.keys() == {c.attribute for c in release.coverage}
    for covered in release.coverage:
        rows = {row["value"]: row for row in theirs[covered.attribute]}
        for value in covered.values:
            assert value.noisy is not None
            assert covered.counted is not None
            row = rows[value.name]
            assert row["texts"] == value.texts
            assert row["lost in noise"] == (value in covered.unseen)
            assert row["noisy share"] == pytest.approx(max(value.noisy.count, 0) / covered.counted)
    asked = [text.card.values["length"] for text in release.texts]
    lengths = next(c for c in release.coverage if c.measured)
    assert any(value.texts != asked.count(value.name) for value in lengths.values), "cards would do"


def test_every_released_text_has_one_value_of_each_attribute(release_of: Callable[[str], Release]) -> None:
    release = release_of("labels")
    assert all(covered.texts == len(release.texts) for covered in release.coverage)


def test_lengths_are_measured_and_the_rest_is_what_was_asked_for(
    release_of: Callable[[str], Release],
) -> None:
    release = release_of("strict")
    assert {c.attribute for c in release.coverage if c.measured} == {"length"}
    lengths = next(c for c in release.coverage if c.measured)
    short = sum(len(text.text.split()) < lengths.edges[0] for text in release.texts)
    assert lengths.values[0].texts == short


def test_a_release_without_private_data_has_no_counts(release_of: Callable[[str], Release]) -> None:
    release = release_of("floor")
    assert release.people is None
    assert release.coverage
    assert all(c.counted is None and c.moved is None and not c.unseen for c in release.coverage)


def test_the_people_were_counted_with_noise(release_of: Callable[[str], Release]) -> None:
    people = release_of("strict").people
    assert people is not None
    assert abs(people.count - 400) < 8 * people.sigma


def covered(*counts: int, sigma: float = 10.0) -> Coverage:
    values = [Value(str(i), Noisy(count, sigma), 0) for i, count in enumerate(counts)]
    return Coverage("topic", tuple(values), measured=False)


def test_what_lies_within_the_noise_is_told() -> None:
    assert [v.name for v in covered(100, 20, 19, -5).unseen] == ["2", "3"]


def test_a_count_below_zero_is_nobody() -> None:
    found = covered(60, 40, -30, -70)
    assert found.counted == 100
    assert found.moved is not None
    assert found.moved[0] == pytest.approx(0.5)


def test_an_even_spread_is_no_distance_and_one_value_alone_is_far() -> None:
    assert covered(50, 50, 50, 50).moved == pytest.approx((0.0, 0.5 * math.sqrt(2 / math.pi) * 40 / 200))
    far = covered(400, 0, 0, 0).moved
    assert far is not None
    assert far[0] == pytest.approx(0.75)
