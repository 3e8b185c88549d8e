"""A run folder brings its floor, its cards and its noisy counts; nothing is written into its release."""

from __future__ import annotations

import hashlib
import json
import stat
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rpsg
from rpsg.cli import main
from rpsg.errors import PrivacyError
from rpsg.evaluation.output import output_path
from rpsg.release.reader import Release
from rpsg.report.files import write_private, write_public
from rpsg.stages.resolution import CONFIDENT

if TYPE_CHECKING:
    from pathlib import Path


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_a_run_is_measured_beside_its_own_floor(finished: Path, held_out: Path) -> None:
    before = digests(finished / "release")
    report = rpsg.evaluate(finished, held_out)
    assert report.n == 20
    assert report.line("word_distance").floor is not None
    assert report.line("downstream_accuracy").corpus.value is not None
    assert report.line("sentiment_agreement").floor is not None
    assert report.line("sentiment_agreement").ceiling is not None
    assert digests(finished / "release") == before


def test_the_floor_is_written_once(finished: Path, held_out: Path) -> None:
    rpsg.evaluate(finished, held_out, metrics=["length_mean"])
    floor = finished / "private" / "floor"
    before = digests(floor / "release")
    rpsg.evaluate(finished, held_out, metrics=["length_mean"])
    assert digests(floor / "release") == before
    ledger = json.loads((floor / "release" / "ledger.json").read_text())
    assert ledger["claim"]["type"] == "no_private_data"


def test_no_floor_is_written_when_none_is_wanted(finished: Path) -> None:
    report = rpsg.evaluate(finished, write_floor=False, metrics=["self_bleu"])
    assert report.line("self_bleu").floor is None
    assert any("no floor" in note for note in report.notes)


def test_noisy_counts_show_who_is_covered(finished: Path) -> None:
    report = rpsg.evaluate(finished, write_floor=False)
    line = report.line("attribute_coverage")
    assert line.corpus.value is not None
    assert 0 < line.corpus.value <= 1
    assert line.corpus.interval is not None
    assert line.corpus.interval[0] <= line.corpus.value <= line.corpus.interval[1]
    assert not line.corpus.internal
    tables = line.corpus.details["attributes"]
    assert {"topic", "sentiment", "length", "label"} == set(tables)
    for rows in tables.values():
        assert sum(row["share"] for row in rows) == pytest.approx(1.0)
        assert sum(row["noisy share"] for row in rows) == pytest.approx(1.0)
        assert all(row["lost in noise"] == (row["signal to noise"] <= CONFIDENT) for row in rows)


def test_noisy_counts_are_those_of_the_marginal_with_the_least_noise(finished: Path) -> None:
    counts = Release(finished).noisy_counts
    assert counts is not None
    ledger = json.loads((finished / "release" / "ledger.json").read_text())
    sigma = next(m["sigma"] for m in ledger["mechanisms"] if m["stage"] == "cards")
    assert counts.sigma["topic"] == pytest.approx(sigma * 3**0.5)  # counted with three sentiments
    assert counts.sigma["sentiment"] == pytest.approx(sigma * 2**0.5)  # with two labels, not five topics
    total = sum(counts.counts["label"].values())
    assert total == pytest.approx(800, abs=8 * sigma * 6**0.5)


def test_the_outcome_lies_in_the_private_folder_for_its_owner_only(finished: Path, held_out: Path) -> None:
    code = main(["evaluate", str(finished), "--real", str(held_out), "--metrics=fid,self_bleu", "--quiet"])
    assert code == 0
    kept = finished / "private" / "evaluation.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    content = json.loads(kept.read_text())
    assert [row["name"] for row in content["metrics"]] == ["fid", "self_bleu"]


def test_an_evaluation_without_real_texts_leaves_the_one_with_them(finished: Path, held_out: Path) -> None:
    """As docs/report.md says it: figures for the owner first, then those for the public page."""
    what = ("--metrics=self_bleu", "--no-floor", "--quiet")
    assert main(["evaluate", str(finished), "--real", str(held_out), *what]) == 0
    kept = finished / "private" / "evaluation.json"
    before = kept.read_bytes()
    assert main(["evaluate", str(finished), *what]) == 0
    assert kept.read_bytes() == before
    public = json.loads((finished / "private" / "evaluation-public.json").read_text())
    assert (public["internal"], public["n_real"]) == (False, None)
    assert write_public(Release(finished), None)[1] is not None
    shown = write_private(Release(finished), None)[1]
    assert shown is not None
    assert shown.n_real == 80


def test_an_outcome_is_never_written_into_a_release(finished: Path, tmp_path: Path) -> None:
    for name in ("evaluation.json", "evidence/evaluation.json", "../release/evaluation.json"):
        with pytest.raises(PrivacyError, match="not written into a release"):
            output_path(finished, finished / "release" / name, real=True)
    assert output_path(finished, tmp_path / "mine.json", real=True) == tmp_path / "mine.json"
    assert output_path(finished / "release", None, real=True) is None


def test_a_release_alone_can_be_measured_without_a_floor(
    finished: Path, held_out: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "download"
    (finished / "release").rename(alone)
    try:
        report = rpsg.evaluate(alone, held_out, metrics=["word_distance", "attribute_coverage"])
    finally:
        alone.rename(finished / "release")
    assert report.line("attribute_coverage").corpus.value is not None
    assert any("release alone has no floor" in note for note in report.notes)


def test_a_floor_s_own_run_says_that_it_is_one(finished: Path, held_out: Path) -> None:
    rpsg.evaluate(finished, held_out, metrics=["length_mean"])
    report = rpsg.evaluate(finished / "private" / "floor", held_out, metrics=["length_mean"])
    assert any("itself a floor" in note for note in report.notes)


def test_only_public_texts_are_kept_as_embeddings(finished: Path, held_out: Path) -> None:
    rpsg.evaluate(finished, held_out, metrics=["fid"], seed=3)
    kept = sorted((finished / "private" / "evaluation").glob("*.npy"))
    count = len(kept)
    rpsg.evaluate(finished, held_out, metrics=["fid"], seed=3)
    assert sorted((finished / "private" / "evaluation").glob("*.npy")) == kept
    rows = [len(np.load(file)) for file in kept]
    assert count >= 2
    assert set(rows) == {20}  # corpus and floor; of the 160 held-out texts 80 would be compared with
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in kept)


def test_kept_embeddings_change_no_figure(finished: Path, held_out: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes((finished / "release" / "corpus.jsonl").read_bytes())
    floor = tmp_path / "floor.jsonl"
    rpsg.evaluate(finished, held_out, metrics=["fid"])
    floor.write_bytes((finished / "private" / "floor" / "release" / "corpus.jsonl").read_bytes())
    kept = rpsg.evaluate(finished, held_out, metrics=["fid"]).line("fid")
    alone = rpsg.evaluate(corpus, held_out, user="user", floor=floor, embedder="fake", metrics=["fid"])
    assert alone.line("fid").corpus.value == kept.corpus.value
    assert alone.line("fid").floor.value == kept.floor.value  # type: ignore[union-attr]  # it has a floor
