"""The notes beside the committed comparisons say what the figures say: a new result leaves no old note."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg.compare.duels import duel
from rpsg.compare.matrix import read_matrix
from rpsg.compare.outcome import read_comparison
from rpsg.compare.winners import standings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.compare.duels import Duel
    from rpsg.compare.tables import CompareRow
    from rpsg.compare.winners import Standing

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"
GEMMA, SMOLLM = "gemma-3-270m", "smollm2-135m"


class Told:
    """The one table of a comparison with a writer and data, as the page shows it, and questions to it."""

    def __init__(
        self, name: str, writer: str = GEMMA, data: str = "food reviews", epsilon: float | None = None
    ) -> None:
        found = read_comparison(RESULTS / f"compare-{name}.json")
        headline = read_matrix(BENCHMARKS / f"compare_{name}.toml").headline
        found = replace(found, settings={**found.settings, "headline": headline})
        self.standing: Standing = next(
            each
            for each in standings(found)
            if (each.table.setting.writer, each.table.setting.data) == (writer, data)
            and epsilon in {None, each.table.epsilon}
        )

    def row(self, method: str) -> CompareRow:
        return next(row for row in self.standing.table.rows if row.method == method)

    def of(self, method: str, metric: str) -> float:
        found = self.row(method).metric(metric)
        assert found is not None
        return found.mean

    def tokens(self, method: str) -> float:
        found = self.row(method).tokens
        assert found is not None
        return found.mean

    def seconds(self, method: str) -> list[float]:
        return [cell.seconds or 0.0 for cell in self.row(method).cells]

    def duel(self, first: str, second: str) -> Duel:
        return duel(self.row(first), self.row(second), self.standing.losses)

    def better(self, first: str, second: str) -> set[str]:
        return {lead.metric for lead in self.duel(first, second).better}

    def sure(self, first: str, second: str) -> set[str]:
        """The metrics in which one of two is better by more than chance."""
        found = self.duel(first, second)
        return {lead.metric for lead in (*found.better, *found.worse) if lead.beyond_chance}

    @property
    def counted(self) -> set[str]:
        return set(self.standing.losses)


def rounded(value: float, digits: int) -> str:
    """As in ".07"."""
    return f"{value:.{digits}f}".removeprefix("0")


def _quick() -> dict[str, Callable[[Told], bool]]:
    own, short, long, votes = "strict", "short augpe", "augpe", "strict by votes"
    return {
        "better than AUG-PE in each figure that counts": lambda t: (
            t.better(own, short) == t.better(own, long) == t.counted
        ),
        "by more than chance in self-BLEU": lambda t: t.sure(own, long) == {"self_bleu", "two_sample_auc"},
        "(.06 and .14;": lambda t: both(t, "self_bleu", own, long, 2) == (".06", ".14"),
        "AUC .82 and .95;": lambda t: both(t, "two_sample_auc", own, long, 2) == (".82", ".95"),
        "28 % fewer tokens": lambda t: round(100 * (1 - t.tokens(own) / t.tokens(long))) == 28,
        "27 % more tokens": lambda t: round(100 * (t.tokens(own) / t.tokens(short) - 1)) == 27,
        "in next-word accuracy only": lambda t: t.sure(own, short) == {"next_word_accuracy"},
        ".002": lambda t: (
            rounded(t.of(own, "next_word_accuracy") - t.of(short, "next_word_accuracy"), 3) == ".002"
        ),
        "Four of the nine figures count": lambda t: len(t.counted) == 4 and len(t.standing.silent) == 5,
        "In Fréchet distance, MAUVE, coverage, recall and sentiment distance": lambda t: (
            set(t.standing.silent) == {"fid", "mauve", "coverage", "knn_recall", "sentiment_distance"}
        ),
        "Strict and strict by votes do not differ": lambda t: not t.sure(own, votes),
        "Strict is better than the floor in self-BLEU": lambda t: (
            t.better(own, "floor") == {"self_bleu", "two_sample_auc"}
            and t.better("floor", own) == {"next_word_accuracy", "word_distance"}
            and not t.sure(own, "floor")
        ),
        "coverage (.10 and .08)": lambda t: (
            both(t, "coverage", votes, "floor", 2) == (".10", ".08")
            and bool(duel(t.row(votes), t.row("floor"), {"coverage": lambda v: -v}).better[0].beyond_chance)
        ),
        "AUG-PE is worse than the floor in each figure": lambda t: (
            t.better("floor", short) == t.better("floor", long) == t.better(short, long) == t.counted
            and not (t.sure("floor", short) | t.sure("floor", long) | t.sure(short, long))
        ),
        "One data set, one writer": lambda t: len(t.row("floor").cells) == 3,
        "there are no seconds": lambda t: t.row(own).seconds is None,
    }


def both(told: Told, metric: str, first: str, second: str, digits: int) -> tuple[str, str]:
    return rounded(told.of(first, metric), digits), rounded(told.of(second, metric), digits)


def _published() -> dict[str, Callable[[Told], bool]]:
    return {
        "6.0 times as long": lambda t: f"{t.seconds('augpe')[0] / t.seconds('strict')[0]:.1f}" == "6.0",
        "8.0 times as many": lambda t: f"{t.tokens('augpe') / t.tokens('strict'):.1f}" == "8.0",
        "1,132 and 188 seconds": lambda t: (
            [round(t.seconds(m)[0]) for m in ("augpe", "strict")] == [1132, 188]
        ),
        "416,424 and 51,944 tokens": lambda t: (
            [t.tokens(m) for m in ("augpe", "strict")] == [416_424, 51_944]
        ),
        "With Gemma only two of the nine metrics can tell methods apart": lambda t: (
            t.counted == {"next_word_accuracy", "self_bleu"}
        ),
        "(strict .097, AUG-PE .084, floor .098)": lambda t: (
            [rounded(t.of(m, "next_word_accuracy"), 3) for m in ("strict", "augpe", "floor")]
            == [".097", ".084", ".098"]
        ),
        "(.07, .25 and": lambda t: (
            [rounded(t.of(m, "self_bleu"), 2) for m in ("strict", "augpe", "floor")] == [".07", ".25", ".06"]
        ),
        "better than AUG-PE in both, and no better than the floor": lambda t: (
            t.better("strict", "augpe") == t.better("floor", "strict") == t.counted
        ),
        "MAUVE (AUG-PE .998, strict .992)": lambda t: (
            both(t, "mauve", "augpe", "strict", 3) == (".998", ".992")
        ),
        "(.21 and .08)": lambda t: both(t, "coverage", "augpe", "ceiling", 2) == (".21", ".08"),
        "One seed and 30 texts": lambda t: len(t.row("strict").cells) == 1,
    }


def _published_by_smollm() -> dict[str, Callable[[Told], bool]]:
    def rate(told: Told) -> float:
        return told.seconds("paper")[0] / told.seconds("strict")[0]

    return {
        "With SmolLM2 six figures count": lambda t: len(t.counted) == 6,
        "Strict is better than the floor in Fréchet distance": lambda t: (
            t.better("strict", "floor") == {"fid", "coverage", "self_bleu", "two_sample_auc"}
            and t.better("floor", "strict") == {"next_word_accuracy", "word_distance"}
        ),
        "1.8 times as long as strict": lambda t: f"{rate(t):.1f}" == "1.8",
        "410 and 229 seconds, for 26 and 30 texts": lambda t: (
            [round(t.seconds(m)[0]) for m in ("paper", "strict")] == [410, 229]
            and [t.row(m).texts for m in ("paper", "strict")] == [(26, 26), (30, 30)]
        ),
        "after 19 minutes": lambda t: "stopped" in t.row("augpe").states,
        "at least 2.7 times as long": lambda t: 19 * 60 / t.seconds("paper")[0] >= 2.7,
        "(Fréchet distance 1.25; the floor has .88)": lambda t: (
            both(t, "fid", "paper", "floor", 2) == ("1.25", ".88") and "fid" in t.counted
        ),
    }


def _speed() -> dict[str, Callable[[Told], bool]]:
    def ratios(told: Told) -> list[str]:
        pairs = zip(told.seconds("augpe"), told.seconds("strict"), strict=True)
        return [f"{augpe / strict:.2f}" for augpe, strict in pairs]

    return {
        "1.46 and 1.36 times as long": lambda t: ratios(t) == ["1.46", "1.36"],
        "285 and 274 s against 196 and 202 s": lambda t: (
            [round(s) for m in ("augpe", "strict") for s in t.seconds(m)] == [285, 274, 196, 202]
        ),
        "none of the three figures counts": lambda t: not t.counted and len(t.standing.silent) == 3,
        "One seed was refused": lambda t: set(t.row("paper").states) == {"failed", "stopped"},
    }


def _dpsgd() -> dict[str, Callable[[Told], bool]]:
    own, trained, large = "strict", "dpsgd", "dpsgd large batch"
    free = Told("dpsgd", SMOLLM, epsilon=math.inf)

    def without_noise(told: Told) -> set[str]:
        """The metrics in which training without noise is better than strict."""
        found = duel(free.row(trained), told.row(own), told.standing.losses)
        return {lead.metric for lead in found.better}

    return {
        "better than DP-SGD in seven of the nine figures, in four of them by more than chance": lambda t: (
            len(t.counted) == 9
            and len(t.better(own, trained)) == 7
            and t.sure(own, trained) - {"self_bleu"} == {"fid", "mauve", "coverage", "next_word_accuracy"}
        ),
        "(.26 and .44; real texts .24)": lambda t: (
            (*both(t, "fid", own, trained, 2), rounded(t.of("ceiling", "fid"), 2)) == (".26", ".44", ".24")
        ),
        "MAUVE (.97 and .38), coverage (.35 and .07)": lambda t: (
            both(t, "mauve", own, trained, 2) == (".97", ".38")
            and both(t, "coverage", own, trained, 2) == (".35", ".07")
        ),
        "(.116 and .102)": lambda t: both(t, "next_word_accuracy", own, trained, 3) == (".116", ".102"),
        "DP-SGD is better in self-BLEU (.06 and .17), by more than chance, and in recall (.84": lambda t: (
            t.better(trained, own) == {"self_bleu", "knn_recall"}
            and "self_bleu" in t.sure(own, trained)
            and both(t, "self_bleu", trained, own, 2) == (".06", ".17")
            and both(t, "knn_recall", trained, own, 2) == (".84", ".74")
        ),
        "better than strict in words (.26 and .30)": lambda t: (
            without_noise(t)
            == {"word_distance", "next_word_accuracy", "knn_recall", "self_bleu", "two_sample_auc"}
            and [rounded(told.of(m, "word_distance"), 2) for told, m in ((free, trained), (t, own))]
            == [".26", ".30"]
        ),
        "(.157 and .116; floor .118, real texts .167)": lambda t: (
            [rounded(t.of(m, "next_word_accuracy"), 3) for m in (own, "floor", "ceiling")]
            == [".116", ".118", ".167"]
            and rounded(free.of(trained, "next_word_accuracy"), 3) == ".157"
        ),
        "self-BLEU (.09 and .17) and two-sample AUC (.78 and .97)": lambda _: (
            [rounded(free.of(trained, m), 2) for m in ("self_bleu", "two_sample_auc")] == [".09", ".78"]
        ),
        "better than 60 steps of 32 people in six of the nine figures": lambda t: (
            t.better(large, trained)
            == {"fid", "mauve", "coverage", "next_word_accuracy", "word_distance", "two_sample_auc"}
            and t.better(own, large) == t.better(own, trained)
        ),
        "Fréchet distance (.37 instead of .44), MAUVE (.59 and .38)": lambda t: (
            both(t, "fid", large, trained, 2) == (".37", ".44")
            and both(t, "mauve", large, trained, 2) == (".59", ".38")
        ),
        "(.107 and .102), words (.34 and .37)": lambda t: (
            both(t, "next_word_accuracy", large, trained, 3) == (".107", ".102")
            and both(t, "word_distance", large, trained, 2) == (".34", ".37")
        ),
        "and the floor in Fréchet distance, coverage and next-word accuracy": lambda t: (
            {"fid", "coverage", "next_word_accuracy"} <= t.better("floor", large)
        ),
        "better than the floor in eight figures, in six of them by more than chance": lambda t: (
            len(t.better(own, "floor")) == 8
            and len(t.sure(own, "floor")) == 6
            and t.better("floor", own) == {"next_word_accuracy"}
        ),
        "With 200 texts all nine figures count": lambda t: len(t.counted) == 9 and not t.standing.silent,
        "Two seeds, one data set, one ε, and one seed of training": lambda t: (
            [len(told.row(trained).cells) for told in (t, free)] == [2, 1]
        ),
        "there are no seconds": lambda t: t.row(own).seconds is None,
    }


CLAIMS = [
    *((("dpsgd", SMOLLM), words, check) for words, check in _dpsgd().items()),
    *((("quick", GEMMA), words, check) for words, check in _quick().items()),
    *((("published", GEMMA), words, check) for words, check in _published().items()),
    *((("published", SMOLLM), words, check) for words, check in _published_by_smollm().items()),
    *((("speed", GEMMA), words, check) for words, check in _speed().items()),
]
#: Points without a figure that the results could contradict.
UNCHECKED = ("Each run had one processor core", "The command:")


def note(name: str) -> str:
    return " ".join((RESULTS / f"compare-{name}.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("where", "words", "check"), CLAIMS, ids=[f"{w[0]}: {s}" for w, s, _ in CLAIMS])
def test_a_sentence_of_a_note_is_true_of_the_figures(
    where: tuple[str, str], words: str, check: Callable[[Told], bool]
) -> None:
    assert words in note(where[0]), "the note no longer says this: change the claim here too"
    assert check(Told(*where)), f"the figures no longer say: {words}"


@pytest.mark.parametrize("name", ["quick", "published", "speed", "dpsgd"])
def test_each_point_of_a_note_is_checked(name: str) -> None:
    points = re.split(r" - (?=[A-Z*0-9])", note(name))[1:]
    known = [words for (where, _), words, _ in CLAIMS if where == name]
    assert len(points) >= 4
    for point in points:
        assert any(words in point for words in known) or point.startswith(UNCHECKED), point


def test_the_note_on_writers_is_true_of_the_figures() -> None:
    found = read_comparison(RESULTS / "compare-writers.json")
    gemma, smollm = (
        next(cell for cell in found.cells if cell.key.writer == writer and cell.is_done)
        for writer in (GEMMA, SMOLLM)
    )

    def pair(metric: str) -> tuple[float, float]:
        return gemma.value(metric) or 0.0, smollm.value(metric) or 0.0

    assert all(pair(metric)[0] < pair(metric)[1] for metric in ("fid", "word_distance", "two_sample_auc"))
    assert pair("coverage")[0] > pair("coverage")[1]
    assert "(AUC .86 and .98)" in note("writers")
    assert [rounded(value, 2) for value in pair("two_sample_auc")] == [".86", ".98"]
    assert "SmolLM2 was better in k-NN recall" in note("writers")
    assert pair("knn_recall")[0] < pair("knn_recall")[1]
    assert pair("coherence")[0] < pair("coherence")[1]


def test_the_note_on_abstracts_and_posts_is_true_of_the_figures() -> None:
    said, own, theirs = note("sets"), "strict", "short augpe"
    posts, abstracts = Told("sets", data="posts"), Told("sets", data="abstracts")
    duels = [told.duel(own, theirs) for told in (posts, abstracts)]
    assert "in twelve of the fourteen figures of these tables that count" in said
    assert (sum(len(each.better) for each in duels), sum(each.compared for each in duels)) == (12, 14)
    assert "more like each other than those of the floor (self-BLEU .08 and .07)" in said
    assert both(posts, "self_bleu", own, "floor", 2) == (".08", ".07")
    assert "AUG-PE is better in one, MAUVE of posts (.98 and .25), where the floor has .02" in said
    assert posts.better(theirs, own) == {"mauve"}
    assert both(posts, "mauve", theirs, own, 2) == (".98", ".25")
    assert rounded(posts.of("floor", "mauve"), 2) == ".02"
    assert "(Fréchet distance .75 and 1.03; the floor has 1.08, real texts .62)" in said
    assert both(abstracts, "fid", own, theirs, 2) == (".75", "1.03")
    assert both(abstracts, "fid", "floor", "ceiling", 2) == ("1.08", ".62")
    assert "(sentiment distance .20 and .53)" in said
    assert both(posts, "sentiment_distance", own, theirs, 2) == (".20", ".53")
    assert "Strict takes 1.5 and 1.6 times as many tokens" in said
    ratios = [told.tokens(own) / told.tokens(theirs) for told in (abstracts, posts)]
    assert [f"{ratio:.1f}" for ratio in ratios] == ["1.5", "1.6"]


def test_the_note_on_4000_people_is_true_of_the_figures() -> None:
    said, own, theirs = note("people"), "strict", "short augpe"
    at = {epsilon: Told("people", epsilon=epsilon) for epsilon in (1.0, 2.0, 4.0)}
    small = Told("people", SMOLLM, epsilon=2.0)
    duels = [told.duel(own, theirs) for told in (*at.values(), small)]
    assert "in ten of the twelve figures of these tables that count" in said
    assert (sum(len(each.better) for each in duels), sum(each.compared for each in duels)) == (10, 12)
    assert "AUG-PE is better in two, both of next-word accuracy" in said
    assert at[2.0].better(theirs, own) == small.better(theirs, own) == {"next_word_accuracy"}
    assert "1.2 times as many tokens with Gemma" in said
    assert {f"{told.tokens(own) / told.tokens(theirs):.1f}" for told in at.values()} == {"1.2"}
    assert "1.1 times as many with SmolLM2" in said
    assert f"{small.tokens(theirs) / small.tokens(own):.1f}" == "1.1"
    assert "With Gemma only next-word accuracy and self-BLEU count" in said
    assert all(told.counted == {"next_word_accuracy", "self_bleu"} for told in at.values())
    assert "the floor is better than strict at" in said
    assert all(at[epsilon].better("floor", own) == at[epsilon].counted for epsilon in (1.0, 4.0))
    assert "strict has a Fréchet distance of .73 at each ε, AUG-PE .78 to .80 and the floor .80" in said
    assert {rounded(told.of(own, "fid"), 2) for told in at.values()} == {".73"}
    assert {rounded(told.of(theirs, "fid"), 2) for told in at.values()} == {".78", ".79", ".80"}
    assert rounded(at[1.0].of("floor", "fid"), 2) == ".80"
    assert "its coverage is .13 to .16, that of AUG-PE .08 to .09" in said
    assert {rounded(told.of(own, "coverage"), 2) for told in at.values()} == {".13", ".15", ".16"}
    assert {rounded(told.of(theirs, "coverage"), 2) for told in at.values()} == {".08", ".09"}
