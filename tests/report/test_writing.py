"""Where reports go: the public one beside the release, the private one never into it."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from rpsg import registry
from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.measures import Line, Measure, Report
from rpsg.models.fake import FakeEmbedder
from rpsg.release.reader import Release
from rpsg.report.files import today, write_private, write_public
from rpsg.report.front import UNDATED
from rpsg.report.scores import read_scores
from rpsg.storage.ownership import MARK, mark_own
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.release.run import Run


@pytest.fixture
def run(reported: Callable[[str], Run], tmp_path: Path) -> Path:
    """A run folder that a test may write into."""
    return shutil.copytree(reported("strict").path, tmp_path / "run")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def undated(file: Path) -> str:
    """A page without what it says about its day: the one in a release has none."""
    page = file.read_text(encoding="utf-8")
    said = f"Page made on {today()}." if f"Page made on {today()}." in page else UNDATED
    assert page.count(said) == 1
    return page.replace(said, "")


def keep(run: Path, *, n_real: int | None) -> None:
    """An evaluation as ``rpsg evaluate`` keeps it."""
    measure = Measure("self_bleu", 0.125, (0.1, 0.2), 20, n_real)
    report = Report((Line("self_bleu", measure),), 20, n_real, {"corpus": 20}, "", "none", 0)
    name = "evaluation-public.json" if n_real is None else "evaluation.json"
    (run / "private" / name).write_text(report.to_json())


def test_the_public_report_lies_beside_the_release(run: Path) -> None:
    file, _ = write_public(Release(run / "release"), None)
    assert file == run / "report.html"
    assert mode(file) == 0o644
    assert undated(file) == undated(run / "release/report.html")


def test_the_private_report_lies_in_the_private_folder_for_its_owner_alone(run: Path) -> None:
    file, _ = write_private(Release(run / "release"), None)
    assert file == run.resolve() / "private/report.html"
    assert mode(file) == 0o600
    page = file.read_text(encoding="utf-8")
    assert page.index("PRIVATE: never share") < page.index("<h1>")
    assert "How near the corpus comes to each real text" in page
    assert "Where the time went" in page


@pytest.mark.parametrize("place", ["release/mine.html", "link/mine.html", "deep/mine.html"])
def test_no_report_is_written_into_a_release(run: Path, place: str) -> None:
    (run / "link").symlink_to(run / "release")
    (run / "deep").symlink_to(run / "release/evidence")
    with pytest.raises(PrivacyError):
        write_private(Release(run / "release"), run / place)
    with pytest.raises(RunError):
        write_public(Release(run / "release"), run / place)
    assert not list((run / "release").rglob("mine.html"))


def test_a_private_report_named_elsewhere_is_still_for_its_owner_alone(run: Path, tmp_path: Path) -> None:
    file, _ = write_private(Release(run / "release"), tmp_path / "mine.html")
    assert mode(file) == 0o600


def test_a_release_alone_has_no_private_report_and_must_be_told_where_to_write(
    run: Path, tmp_path: Path
) -> None:
    alone = shutil.copytree(run / "release", tmp_path / "handed on" / "release")
    with pytest.raises(UsageError, match="needs the folder of a run"):
        write_private(Release(alone), None)
    with pytest.raises(UsageError, match="no default place for the report"):
        write_public(Release(alone), None)
    file, _ = write_public(Release(alone), tmp_path / "mine.html")
    assert undated(file) == undated(alone / "report.html")


def test_an_evaluation_that_read_real_texts_is_shown_to_the_owner_alone(run: Path) -> None:
    keep(run, n_real=90)
    file, public = write_public(Release(run / "release"), None)
    assert public is None
    assert undated(file) == undated(run / "release/report.html")
    file, scores = write_private(Release(run / "release"), None)
    assert scores is not None
    assert "0.125" in file.read_text(encoding="utf-8")


def test_an_evaluation_without_real_texts_is_shown_to_everybody(run: Path) -> None:
    keep(run, n_real=None)
    file, scores = write_public(Release(run / "release"), None)
    assert scores is not None
    assert "0.125" in file.read_text(encoding="utf-8")


def test_the_owner_sees_both_evaluations_and_everybody_one(run: Path) -> None:
    keep(run, n_real=90)
    keep(run, n_real=None)
    file, _ = write_public(Release(run / "release"), None)
    page = file.read_text(encoding="utf-8")
    assert "Public metrics" in page
    assert "90 real ones" not in page
    file, scores = write_private(Release(run / "release"), None)
    page = file.read_text(encoding="utf-8")
    assert "Public metrics" in page
    assert "90 real ones" in page
    assert scores is not None
    assert scores.internal


def test_figures_of_real_texts_in_the_public_file_are_not_shown(run: Path) -> None:
    keep(run, n_real=90)
    (run / "private/evaluation.json").rename(run / "private/evaluation-public.json")
    file, public = write_public(Release(run / "release"), None)
    assert public is None
    assert undated(file) == undated(run / "release/report.html")


def test_a_ceiling_is_made_of_real_texts_even_where_the_metric_reads_none(run: Path) -> None:
    measure = Measure("self_bleu", 0.125, None, 20)
    line = Line("self_bleu", measure, None, measure)
    report = Report((line,), 20, None, {"corpus": 20}, "", "none", 0)
    (run / "private/evaluation.json").write_text(report.to_json())
    scores = read_scores(run / "private/evaluation.json")
    assert scores is not None
    assert scores.internal


@pytest.mark.parametrize("content", ["{", '{"format": "rpsg-evaluation/9"}', "[]"])
def test_a_damaged_evaluation_is_an_error_in_words(run: Path, content: str) -> None:
    (run / "private/evaluation.json").write_text(content)
    with pytest.raises(RunError, match=r"evaluation\.json is damaged"):
        write_private(Release(run / "release"), None)


def test_without_embeddings_there_is_a_report_without_a_picture_of_what_it_reaches(run: Path) -> None:
    (run / "private/embeddings.f16.sealed").unlink()
    file, _ = write_private(Release(run / "release"), None)
    assert "There is no picture: this run kept no embeddings" in file.read_text(encoding="utf-8")


def test_another_embedder_draws_no_picture(run: Path) -> None:
    ledger = run / "release/ledger.json"
    body = json.loads(ledger.read_text())
    for line in body["public_inputs"]:
        line["name"] = line["name"].replace("fake-embedder", "another")
    ledger.write_text(json.dumps(body))
    file, _ = write_private(Release(run / "release"), None)
    assert "the embedder on this machine is not the one that the run used" in file.read_text(encoding="utf-8")


def test_no_private_text_is_on_any_page(run: Path, reported: Callable[[str], Run]) -> None:
    rows = [
        json.loads(line)
        for line in (reported("strict").path.parent / "strict.jsonl").read_text().splitlines()
    ]
    release = Release(run)
    for file, _ in (
        write_public(Release(run / "release"), None),
        write_private(Release(run / "release"), None),
    ):
        page = file.read_text(encoding="utf-8")
        assert release.texts[0].text.split(".", maxsplit=1)[0] in page
        assert not any(row["text"] in page or row["user"] + " " in page for row in rows)


@pytest.mark.parametrize("name", ["paper", "split"])
def test_the_stages_of_a_seeded_run_are_on_its_private_page_alone(
    reported: Callable[[str], Run], tmp_path: Path, name: str
) -> None:
    run = shutil.copytree(reported(name).path, tmp_path / "run")
    private, _ = write_private(Release(run / "release"), None)
    public, _ = write_public(Release(run / "release"), None)
    for words in ("Drops by stage", "first rewrite", "sentiment agreement"):
        assert words in private.read_text(encoding="utf-8")
        assert words not in public.read_text(encoding="utf-8")


def test_a_run_of_seeds_that_embedded_nobody_else_is_drawn_from_its_seeds(
    reported: Callable[[str], Run], tmp_path: Path
) -> None:
    run = shutil.copytree(reported("paper").path, tmp_path / "run")
    (run / "private/embeddings.f16.sealed").unlink(missing_ok=True)
    seeds = json.loads(open_vault(run).read("stages/00-seeds.json"))["value"]
    page = write_private(Release(run / "release"), None)[0].read_text(encoding="utf-8")
    assert "How near the corpus comes to each real text" in page
    assert f"Half of the {len(seeds)} real texts" in page
    assert not any(seed["text"] in page for seed in seeds)


def test_damaged_seeds_draw_no_picture(reported: Callable[[str], Run], tmp_path: Path) -> None:
    run = shutil.copytree(reported("paper").path, tmp_path / "run")
    (run / "private/embeddings.f16.sealed").unlink(missing_ok=True)
    (run / "private/stages/00-seeds.json.sealed").write_text("{")
    page = write_private(Release(run / "release"), None)[0].read_text(encoding="utf-8")
    assert "There is no picture: private/stages/00-seeds.json was changed" in page


def test_a_run_whose_embedder_is_a_folder_has_its_picture_though_the_release_tells_no_place(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The private page finds the model by the plan in the run folder."""
    asked: list[str] = []

    def by_folder(name: str, **_: object) -> FakeEmbedder:
        asked.append(name)
        return FakeEmbedder()

    monkeypatch.setattr(registry, "embedder", by_folder)
    plan = run / "plan.toml"
    plan.write_text(plan.read_text().replace('embedder = "fake"', 'embedder = "/models/mine"'))
    (run / "private" / MARK).unlink()
    mark_own(run)  # as if it had begun with that plan
    file, _ = write_private(Release(run / "release"), None)
    assert asked == ["/models/mine"]
    assert "How near the corpus comes to each real text" in file.read_text(encoding="utf-8")
