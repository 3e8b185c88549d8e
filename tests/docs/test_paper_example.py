"""The plan with the paper's own models is read, and what is missing for it is told with how to bring it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rpsg.cli import main
from rpsg.methods.named import method_of
from rpsg.plan import read_toml, resolve

EXAMPLE = Path(__file__).parents[2] / "examples" / "paper"
MODELS = (
    "facebook/bart-large-cnn",
    "prajjwal1/bert-small",
    "sentence-transformers/sentence-t5-base",
    "siebert/sentiment-roberta-large-english",
)


@pytest.fixture
def posts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the example's, with a small file of posts."""
    shutil.copy(EXAMPLE / "rpsg.toml", tmp_path)
    rows = [json.dumps({"text": f"I moved house {i} times and I am glad of it."}) for i in range(30)]
    (tmp_path / "posts.jsonl").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which nobody brought weights of a hub."""
    pytest.importorskip("transformers", reason="torch is a package of gigabytes; the extra hf brings it")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_plan_names_the_paper_s_models_and_no_stand_in() -> None:
    plan = resolve(read_toml(EXAMPLE / "rpsg.toml"))
    method_of(plan).check(plan)
    assert plan.method.name == "paper"
    assert (plan.paper.abstracter, plan.paper.summariser) == ("summariser", MODELS[0])
    assert (plan.paper.surrogate, plan.paper.surrogate_model) == ("transformers", MODELS[1])
    assert plan.models.embedder == "st:sentence-t5-base"
    assert plan.models.sentiment == f"transformers:{MODELS[3]}"
    assert (plan.paper.recogniser, plan.paper.recogniser_model) == ("presidio", "en_core_web_sm")


def test_the_plan_can_be_looked_at_without_any_weights(
    posts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan"]) in {6, 9}, "weights or packages are not on this machine"
    told = capsys.readouterr().out
    assert "There is no" in told
    assert "summariser" in told
    assert not (posts / "run").exists()


@pytest.mark.usefixtures("posts", "empty_hub")
def test_all_that_is_missing_is_told_with_the_command_that_brings_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--writer", "fake", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["doctor"]["findings"]
    fixes = {f["name"]: f["fix"] for f in findings if f["status"] == "fail"}
    assert fixes["summariser"] == f"Download it with: hf download {MODELS[0]}"
    assert fixes["surrogate"] == f"Download it with: hf download {MODELS[1]}"
    assert fixes["embedder"] == f"Download it with: hf download {MODELS[2]}"


#: What the plan may say instead of each model of ``MODELS``, so that only one is missing.
INSTEAD = {
    "PAPER__ABSTRACTER": "writer",
    "PAPER__SURROGATE": "ngram",
    "MODELS__EMBEDDER": "fake",
    "MODELS__SENTIMENT": "sentiment",
}


@pytest.mark.usefixtures("posts", "empty_hub")
@pytest.mark.parametrize(("model", "setting"), list(zip(MODELS, INSTEAD, strict=True)))
def test_a_run_without_one_of_the_weights_does_not_begin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, setting: str
) -> None:
    plan = Path("rpsg.toml")
    kept = [line for line in plan.read_text().splitlines() if not line.startswith("recogniser")]
    plan.write_text("\n".join(kept))  # the patterns need no package
    for name in INSTEAD.keys() - {setting}:
        monkeypatch.setenv(f"RPSG_{name}", INSTEAD[name])
    assert main(["run", "--writer", "fake", "-o", "run"]) == 6
    told = capsys.readouterr().err
    assert f"{model} is not on this machine yet." in told
    assert f"hf download {model}" in told
    assert not Path("run").exists()


def test_the_page_names_all_weights_that_the_plan_needs() -> None:
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert all(f"hf download {name}" in page for name in MODELS)
    assert "spacy download en_core_web_sm" in page
