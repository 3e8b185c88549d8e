"""The quality line: computed from the released texts alone, in plain words, the same wherever it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack
from rpsg.records import Candidate, Card
from rpsg.release.quality import COMPARED, Quality, quality_of
from rpsg.release.reader import Release
from rpsg.report.as_json import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Lab

PACK = find_pack("food-reviews")


def of(texts: Sequence[str]) -> Quality:
    return quality_of([Candidate(i, text, Card({})) for i, text in enumerate(texts)], PACK)


def test_figures_are_counted_from_the_texts() -> None:
    twin = "The kettle boils far too long for my taste in the morning."
    found = of([twin, twin, "Green leaves, 18 words, beginning with: tea.", "See [LINK] please, it is good."])
    assert found.texts == 4
    assert found.words == pytest.approx((12 + 12 + 7 + 6) / 4)
    assert (found.echoing, found.repeating, found.unfilled) == (1, 2, 1)
    assert found.self_bleu is not None
    assert found.self_bleu > 0.4


def test_the_line_says_it_in_words() -> None:
    found = Quality(1200, 45.6, echoing=1, unfilled=0, repeating=0, self_bleu=0.212, compared=600)
    assert found.line == (
        "1,200 texts with 46 words on average; 1 contains words of its prompt; 0 repeat themselves or "
        "another text; self-BLEU 0.21 over 600 of them (0: nothing in common, 1: all the same)."
    )


def test_placeholders_are_told_of_when_there_are_any() -> None:
    assert "1 contains a placeholder such as [LINK]" in of(["See [LINK].", "Nothing here."]).line
    assert "placeholder" not in of(["Here.", "Nothing here."]).line


def test_no_text_has_no_line_and_one_has_no_self_bleu() -> None:
    assert not of([]).line
    assert "self-BLEU" not in of(["Only this one."]).line


def test_of_many_texts_evenly_spaced_ones_are_compared() -> None:
    found = of([f"text number {i}" for i in range(2 * COMPARED + 1)])
    assert found.compared == -(-(2 * COMPARED + 1) // 3)


def test_the_line_stands_beside_the_claim_everywhere(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(200))))
    release = Release(run.release)
    line = quality_of(release.texts, release.pack).line
    assert line.startswith(f"{len(run.texts)} texts with ")
    summary = run.summary
    assert summary.index(line) < summary.index("## What is claimed")
    assert line in (run.release / "README.md").read_text("utf-8")
    assert line in (run.release / "report.html").read_text("utf-8")


def test_the_report_as_json_has_the_figures(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(200))))
    told = json.loads(json.dumps(facts_of(Release(run.release), None)))["quality"]
    assert told["texts"] == len(run.texts)
