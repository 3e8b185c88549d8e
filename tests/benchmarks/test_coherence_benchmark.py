"""The benchmark of coherence plants what it says, and its table has a line for each set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 4


@pytest.fixture
def texts() -> list[str]:
    """Thirty texts of four sentences; the words of each say whose they are and where they stood."""
    return [
        " ".join(
            f"{chr(97 + number % 26)}{number // 26}n{place}" + "." * (place % 8 == 7) for place in range(32)
        )
        for number in range(30)
    ]


@pytest.fixture
def sets(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from coherence import planted

    found: dict[str, list[str]] = planted(texts, SIZE)
    return found


def whose(text: str) -> set[str]:
    return {word.partition("n")[0] for word in text.split()}


def test_every_set_has_as_many_texts_and_real_ones_are_whole(
    sets: dict[str, list[str]], texts: list[str]
) -> None:
    assert {len(own) for own in sets.values()} == {SIZE}
    assert set(sets["real"]) <= set(texts)


def test_nonsense_is_made_of_other_texts_than_the_real_ones(sets: dict[str, list[str]]) -> None:
    real = {name for text in sets["real"] for name in whose(text)}
    for of, own in sets.items():
        if of != "real":
            assert not real & {name for text in own for name in whose(text)}


def test_halves_are_of_two_texts_and_sentences_of_several(sets: dict[str, list[str]]) -> None:
    assert all(len(whose(text)) == 2 for text in sets["halves of two texts"])
    assert all(len(whose(text)) > 1 for text in sets["sentences of others"])


def test_shuffled_words_stay_within_six_places_of_their_own(sets: dict[str, list[str]]) -> None:
    for text in sets["shuffled words"]:
        places = [int(word.strip(".").partition("n")[2]) for word in text.split()]
        assert sorted(places) == list(range(32)) != places
        assert max(abs(place - i) for i, place in enumerate(places)) < 6


def test_a_chain_goes_on_as_some_text_did(sets: dict[str, list[str]], texts: list[str]) -> None:
    pairs = {pair for text in texts for pair in zip(text.split(), text.split()[1:], strict=False)}
    for text in sets["chains of words"]:
        assert set(zip(text.split(), text.split()[1:], strict=False)) <= pairs


def test_too_few_texts_are_refused(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from coherence import planted

    with pytest.raises(ValueError, match="24 texts are needed"):
        planted(texts[:20], SIZE)


def test_texts_are_read_from_the_page_of_released_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from coherence import _read

    page = tmp_path / "texts.md"
    page.write_text(
        "# T\n\n## a\n\nPack.\n\n1. > One &lt;b>\n   > more\n\n2. > Two > 1.\n\n## b\n\n1. > No\n"
    )
    assert _read(f"{page}:a") == ["One <b>\nmore", "Two > 1."]


def test_the_table_has_means_and_areas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from coherence import _figures, shown
    from rpsg.evaluation.metrics.coherence import CoherenceGains

    real, planted = np.arange(10.0), np.arange(10.0) - 20
    judged = {"real": CoherenceGains(real, real, 0, "j"), "halves": CoherenceGains(planted, planted, 0, "j")}
    table = shown({"corpora": {"reviews": _figures(judged)}})
    assert "| reviews | real | 4.50 ± " in table
    assert "| reviews | halves | -15.50 ± " in table
    assert table.splitlines()[-1].count("| 1.00 |") == 2
