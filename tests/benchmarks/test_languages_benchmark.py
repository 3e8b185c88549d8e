"""The benchmark of languages counts right topics, and its page shows the figures of its result file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def languages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import languages

    return languages


def result() -> list[dict[str, object]]:
    lines = json.loads((ROOT / "benchmarks" / "results" / "languages.json").read_text("utf-8"))["lines"]
    assert len(lines) == 16
    return list(lines)


def test_the_table_of_the_page_is_that_of_the_result_file(languages: ModuleType) -> None:
    assert languages.table(result()) in (ROOT / "docs" / "languages.md").read_text("utf-8")


def test_words_that_the_pack_gave_are_told_from_those_of_the_writer(languages: ModuleType) -> None:
    pack = find_pack("survey-fr").model_copy(update={"begins": "{opening} {topic}."})
    card = {**find_pack("survey-fr").examples[0].card, "opening": "Rien sur", "topic": "le bruit"}
    kept = {"text": "Rien sur le bruit. Merci, vraiment merci !", "card": card, "reason": ""}
    dropped = {**kept, "text": "Rien sur le bruit.", "reason": "repeats its prompt"}
    assert languages.given_share(pack, [kept, dropped]) == 0.5


@pytest.mark.parametrize("name", ["clinical", "clinical-de", "survey-fr", "support-es"])
def test_the_figures_without_weights_are_those_that_the_benchmark_measures_now(
    languages: ModuleType, name: str
) -> None:
    (kept,) = (line for line in result() if (line["pack"], line["embedder"]) == (name, "letters"))
    measured = json.loads(json.dumps(languages.measure(find_pack(name), "letters")))
    assert measured == kept
