"""The optional packages that a plan needs are named before a run, with the command that installs them."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from rpsg.pipeline import packages
from rpsg.pipeline.obstacles import obstacles
from rpsg.plan import resolve

#: Settings of a plan, and what is said when nothing optional is installed.
NEEDS: list[tuple[dict[str, dict[str, Any]], str]] = [
    (
        {"method": {"name": "dpsgd"}},
        "The method dpsgd needs torch, transformers, opacus and dp-accounting",
    ),
    ({"method": {"name": "dpsgd"}}, "pip install 'rpsg[hf,dpsgd]'"),
    (
        {"method": {"name": "private-prediction"}, "models": {"writer": "smollm2-135m"}},
        "The method private-prediction needs torch and transformers",
    ),
    (
        {"models": {"writer": "gemma-3-270m"}},
        "The writer gemma-3-270m needs xllamacpp, which is not installed",
    ),
    ({"models": {"writer": "own.gguf"}}, "pip install 'rpsg[local]'"),
    ({"models": {"writer": "openai:m"}}, "pip install 'rpsg[server]'"),
    ({"models": {"writer": "transformers:a/b"}}, "pip install 'rpsg[hf]'"),
    ({"models": {"embedder": "minilm"}}, "The embedder minilm needs onnxruntime and tokenizers"),
    ({"models": {"embedder": "int8"}}, "pip install 'rpsg[local,int8]'"),
    ({"models": {"embedder": "static"}}, "pip install 'rpsg[static]'"),
    ({"models": {"embedder": "st:sentence-t5-base"}}, "sentence-transformers"),
    ({"models": {"sentiment": "vader"}}, "pip install 'rpsg[vader]'"),
    ({"method": {"name": "paper"}, "paper": {"recogniser": "presidio"}}, "pip install 'rpsg[pii]'"),
    ({"method": {"name": "paper"}, "paper": {"surrogate": "transformers"}}, "The method paper needs torch"),
    ({"data": {"path": "notes.parquet"}}, "Reading this file needs pyarrow"),
    ({"data": {"path": "notes.xlsx"}}, "pip install 'rpsg[excel]'"),
    ({"privacy": {"noise": "opendp"}}, "pip install 'rpsg[opendp]'"),
    ({"vault": {"key": "keyring"}}, "pip install 'rpsg[keyring]'"),
]
FAKES = {"models": {"writer": "fake", "embedder": "fake"}}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without any extra."""
    monkeypatch.setattr(packages, "find_spec", lambda _: None)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("settings", "said"), NEEDS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    settings: dict[str, dict[str, Any]], said: str
) -> None:
    assert said in " ".join(packages.missing(resolve(FAKES, settings)))


@pytest.mark.usefixtures("bare")
def test_the_plan_says_that_a_run_would_stop_for_want_of_a_package() -> None:
    settings = {"method": {"name": "dpsgd"}, "models": {"writer": "smollm2-135m"}}
    found = tuple(obstacles(resolve(FAKES, settings)))
    told = " ".join(stop.sentence for stop in found)
    assert found[0].exit_code == 9
    assert "The method dpsgd needs" in told
    assert "The writer smollm2-135m needs" not in told, "its weights are trained with other packages"


@pytest.mark.usefixtures("bare")
def test_fakes_need_no_package() -> None:
    assert list(packages.missing(resolve(FAKES))) == []


def test_a_package_that_is_installed_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: importlib.util.find_spec("numpy"))
    for settings, _ in NEEDS:
        assert list(packages.missing(resolve(FAKES, settings))) == []
