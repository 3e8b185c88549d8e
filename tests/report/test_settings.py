"""Which settings a release tells, and that none of them leads to a place on the operator's machine."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from rpsg.methods.named import find_method
from rpsg.plan import resolve
from rpsg.release.public_plan import public_toml, without_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.domains import Pack

NAMES = {
    "minilm": "minilm",
    "openai:gpt-x/y": "openai:gpt-x/y",
    "hf:owner/repo/file.gguf": "hf:owner/repo/file.gguf",
    "transformers:hf:owner/repo": "transformers:hf:owner/repo",
    "st:owner/repo": "st:owner/repo",
    "facebook/bart-large-cnn": "facebook/bart-large-cnn",
    "": "",
    "/srv/alice/mine.gguf": "mine.gguf",
    "/srv/alice/embedder/": "embedder",
    "~/mine": "mine",
    "./weights/mine": "mine",
    "deep/down/mine.gguf": "mine.gguf",
    "transformers:/srv/alice/mine": "transformers:mine",
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


@pytest.mark.parametrize("method", ["strict", "floor", "paper", "split", "augpe", "rupta"])
def test_no_place_of_a_whole_plan_is_told(tiny: Pack, method: str) -> None:
    here = "/srv/alice/mine"
    plan = resolve(
        {
            "data": {"path": here},
            "corpus": {"domain": here},
            "method": {"name": method},
            "models": {"writer": here, "embedder": here, "scorer": here, "sentiment": f"transformers:{here}"},
            "paper": {"summariser": here, "surrogate_model": here, "recogniser_model": here},
            "server": {"organization": "org-alice", "project": "proj-alice", "key_env": "KEY_OF_alice"},
            "limits": {"prices": here},
            "split": {"donor_list": here},
        }
    )
    told = public_toml(plan, tiny, find_method(method))
    assert "alice" not in told
    again = resolve(tomllib.loads(told))
    assert (again.corpus.domain, again.models.sentiment) == ("tiny", "transformers:mine")


@pytest.mark.parametrize(
    ("address", "told"),
    {
        "https://gateway.example/t/alice-token/v1": "https://gateway.example/v1",
        "https://alice.openai.azure.com/openai/v1": "https://alice.openai.azure.com/v1",
        "http://127.0.0.1:8000/v1": "http://127.0.0.1:8000/v1",
        "https://gateway.example": "https://gateway.example",
        "": "",
    }.items(),
)
def test_of_the_way_to_a_server_only_its_host_is_told(tiny: Pack, address: str, told: str) -> None:
    ways = {"headers": ["X-Team=OF_alice"], "certificate_env": "OF_alice"}
    plan = resolve({"server": {"base_url": address, **ways}})
    public = resolve(tomllib.loads(public_toml(plan, tiny, find_method("strict")))).server
    assert (public.base_url, public.headers, public.certificate_env) == (told, (), "")


@pytest.mark.parametrize("method", ["strict", "floor", "paper", "augpe", "rupta"])
def test_no_file_of_a_release_tells_the_operator_s_account(lab: Lab, method: str) -> None:
    account = {"organization": "org-alice", "project": "proj-alice", "key_env": "KEY_OF_alice"}
    run = lab.run(lab.plan(lab.file(lab.rows(300)), method={"name": method}, server=account))
    files = [path for path in run.release.rglob("*") if path.is_file()]
    assert files
    assert not [path.name for path in files if b"alice" in path.read_bytes()]
