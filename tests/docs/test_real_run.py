"""One whole run with real weights, from the data of an example to a verified release."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from rpsg.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "social_science"
ROWS, TEXTS = 300, 2


@pytest.mark.weights
@pytest.mark.slow
def test_an_example_runs_verifies_and_is_written_again_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rpsg.methods.trial.TEXTS", 3)
    runpy.run_path(str(EXAMPLE / "invent.py"), run_name="__main__")
    rows = Path("posts.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:ROWS]
    Path("posts.jsonl").write_text("".join(rows), encoding="utf-8")

    plan = [
        f"--config={EXAMPLE / 'rpsg.toml'}",
        "--epsilon=8",
        f"--size={TEXTS}",
        "--oversample=1.5",
        "--seed=28",  # with it the writer is tested on three short texts
        "--writer=smollm2-135m",
    ]
    assert main(["run", *plan, "--quiet", "-o", "run"]) == 0
    assert main(["verify", "run", "--regenerate"]) == 0

    lines = Path("run", "release", "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) == TEXTS
    assert all(len(text.split()) >= 5 for text in texts)
    assert not set(texts) & {json.loads(row)["text"] for row in rows}
