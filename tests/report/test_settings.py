"""Which settings a release tells, and that none of them leads to a place on the operator's machine."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from rpsg.plan import resolve
from rpsg.report.settings import public_toml, without_place

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.domains import Pack

NAMES = {
    "minilm": "minilm",
    "openai:gpt-x/y": "openai:gpt-x/y",
    "hf:owner/repo/file.gguf": "hf:owner/repo/file.gguf",
    "transformers:hf:owner/repo": "transformers:hf:owner/repo",
    "st:owner/repo": "st:owner/repo",
    "facebook/bart-large-cnn": "facebook/bart-large-cnn",
    "": "",
    "/home/alice/mine.gguf": "mine.gguf",
    "/home/alice/embedder/": "embedder",
    "~/mine": "mine",
    "./weights/mine": "mine",
    "deep/down/mine.gguf": "mine.gguf",
    "transformers:/home/alice/mine": "transformers:mine",
    "st:../mine": "st:mine",
    "gguf:C:\\Users\\alice\\mine.gguf": "gguf:mine.gguf",
    "C:\\Users\\alice\\mine": "mine",
}


@pytest.mark.parametrize(("name", "told"), NAMES.items(), ids=repr)
def test_a_model_that_is_a_path_is_told_by_its_last_part(name: str, told: str) -> None:
    assert without_place(name) == told


def test_a_folder_that_looks_like_a_repository_is_a_folder_when_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert without_place("alice/mine") == "alice/mine"
    (tmp_path / "alice" / "mine").mkdir(parents=True)
    assert without_place("alice/mine") == "mine"


@pytest.mark.parametrize("method", ["strict", "floor", "paper", "split", "a-stranger-s"])
def test_no_place_of_a_whole_plan_is_told(tiny: Pack, method: str) -> None:
    here = "/home/alice/mine"
    plan = resolve(
        {
            "data": {"path": here},
            "corpus": {"domain": here},
            "method": {"name": method},
            "models": {"writer": here, "embedder": here, "scorer": here, "sentiment": f"transformers:{here}"},
            "paper": {"summariser": here, "surrogate_model": here, "recogniser_model": here},
            "limits": {"prices": here},
            "split": {"donor_list": here},
        }
    )
    told = public_toml(plan, tiny, budget=method != "paper")
    assert "alice" not in told
    again = resolve(tomllib.loads(told))
    assert (again.corpus.domain, again.models.sentiment) == ("tiny", "transformers:mine")
