"""``rpsg audit-run``: canaries go in as people, the corpus is attacked and destroyed, and never published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.shop import FEW, LEFT, Shop, copying, files

from rpsg import api
from rpsg.audit import canary_run
from rpsg.cli import main
from rpsg.errors import BudgetError, DataError, PrivacyError, RunError, UsageError
from rpsg.pipeline.execute import execute_unreleased, unreleased_texts
from rpsg.pipeline.planting import kept_canaries
from rpsg.pipeline.verification.sign import publish
from rpsg.privacy.private import open_private
from rpsg.protocols import Silent
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.methods.base import Job


class Heard(Silent):
    def __init__(self) -> None:
        self.stages: list[str] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.stages.append(stage)


@pytest.mark.usefixtures("method")
def test_an_audit_run_leaves_its_report_and_nothing_else(shop: Shop) -> None:
    heard = Heard()
    report = canary_run(shop.plan(), shop.out, attacks=FEW, progress=heard)
    assert report.verdict == "no violation seen"
    assert heard.stages[-2:] == ["decide on a verdict", "destroy the corpus"]
    assert "store the texts" in heard.stages
    assert "release" not in heard.stages, "an audit run releases nothing"
    assert report.finding("extraction").details["planted"] > 10
    assert {file.name for file in (shop.out / "private").iterdir()} == LEFT
    assert {file.name for file in shop.out.iterdir()} == {
        *("private", "plan.toml", "run.json", "journal.jsonl", ".lock"),
    }
    assert json.loads((shop.out / "private" / "audit.json").read_bytes())["verdict"] == report.verdict
    assert not any(
        text.encode() in content for text in texts(400, 2)[:50] for content in files(shop.out).values()
    )


@pytest.mark.usefixtures("method")
def test_a_run_that_copies_is_refuted_by_its_canaries(shop: Shop, method: dict[str, Any]) -> None:
    method["corpus"] = copying
    report = canary_run(shop.plan(), shop.out, attacks=FEW)
    found = report.finding("extraction")
    assert report.verdict == found.verdict == "refuted"
    assert found.right == found.details["planted"]
    assert not found.details["held out and found"]


@pytest.mark.usefixtures("method")
def test_canaries_are_people_of_their_own_beside_everybody_who_is_used(
    shop: Shop, method: dict[str, Any]
) -> None:
    seen: list[Any] = []

    def looked(job: Job) -> list[str]:
        seen.extend(open_private(job.people.rows))
        return texts(400, 2)

    method["corpus"] = looked
    with execute_unreleased(shop.plan(audit_holdout=0.5), shop.out) as folder:
        canaries = kept_canaries(folder.vault)
    own = [row for row in seen if row.user.startswith("canary ")]
    assert sorted(row.text for row in own) == sorted(canaries.planted)
    assert len({row.user for row in own}) == len(own) == sum(canaries.is_in)
    assert len({row.id for row in seen}) == len(seen)
    assert 60 < len(seen) - len(own) < 140


@pytest.mark.usefixtures("method")
def test_an_audit_run_pays_from_the_account_of_the_data_as_every_run_does(shop: Shop) -> None:
    canary_run(shop.plan(), shop.out, attacks=FEW)
    once = shop.paid()
    assert once > 0
    api.run(shop.plan(canaries=0), shop.lab.folder / "run")
    assert shop.paid() == pytest.approx(2 * once)


@pytest.mark.usefixtures("method")
def test_an_account_without_room_ends_an_audit_run_before_anything_is_read(shop: Shop) -> None:
    plan = shop.plan()
    small = plan.model_copy(update={"privacy": plan.privacy.model_copy(update={"lifetime_epsilon": 1.0})})
    with pytest.raises(BudgetError):
        canary_run(small, shop.out, attacks=FEW)
    assert shop.paid() == 0


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize(
    "place", ["rpsg.audit.planted_run.audit", "rpsg.audit.planted_run.destroy_unreleased"]
)
def test_what_is_left_of_an_interrupted_audit_run_cannot_be_published_and_the_run_resumes(
    shop: Shop, stop: type[BaseException], place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["keygen", str(tmp_path / "key")]) == 0

    def stopped(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(place, stopped)
    with pytest.raises(stop):
        canary_run(shop.plan(), shop.out, attacks=FEW)
    monkeypatch.undo()
    paid = shop.paid()
    assert not list(shop.out.glob("release*"))
    assert not any(
        text.encode() in content for text in texts(400, 2)[:50] for content in files(shop.out).values()
    )
    with pytest.raises(RunError, match="never released"):
        publish(shop.out, tmp_path / "key")
    with pytest.raises(RunError, match="no finished run") as refused:
        api.read_run(shop.out)
    assert "audit run has no release" in refused.value.hint
    with pytest.raises(RunError, match="never released"):
        api.run(shop.plan(audit_holdout=0.5), shop.out)
    if place.endswith("audit"):
        assert canary_run(shop.plan(), shop.out, attacks=FEW).verdict == "no violation seen"
    with pytest.raises(RunError, match="finished") as told:
        canary_run(shop.plan(), shop.out, attacks=FEW)
    assert "audit.html" in told.value.hint
    assert {file.name for file in (shop.out / "private").iterdir()} == LEFT
    assert not (shop.out / "evidence").exists()
    assert shop.paid() == paid


@pytest.mark.usefixtures("method")
def test_whoever_edits_the_purpose_of_an_audit_run_still_releases_no_canary(
    shop: Shop, method: dict[str, Any]
) -> None:
    method["corpus"] = copying
    plan = shop.plan(audit_holdout=0.5)
    with execute_unreleased(plan, shop.out):
        pass
    about = json.loads((shop.out / "run.json").read_bytes())
    del about["purpose"]
    (shop.out / "run.json").write_text(json.dumps(about))
    with pytest.raises(PrivacyError, match="canary is in"):
        api.run(plan, shop.out)
    assert not list(shop.out.glob("release*"))


@pytest.mark.usefixtures("method")
def test_without_encryption_nothing_is_left_either(shop: Shop) -> None:
    plan = shop.plan()
    plan = plan.model_copy(update={"vault": plan.vault.model_copy(update={"key": "none"})})
    canary_run(plan, shop.out, attacks=FEW)
    assert {file.name for file in (shop.out / "private").iterdir()} == LEFT


@pytest.mark.usefixtures("method")
def test_a_folder_of_a_run_becomes_no_audit_run(shop: Shop) -> None:
    plan = shop.plan(audit_holdout=0.5)
    api.run(plan, shop.out)
    with pytest.raises(RunError, match="not an audit run"):
        canary_run(plan, shop.out, attacks=FEW)


@pytest.mark.usefixtures("method")
def test_a_resumed_audit_run_has_the_canaries_and_coins_it_began_with(shop: Shop) -> None:
    plan = shop.plan(audit_holdout=0.5)
    drawn = []
    for _ in range(2):
        with execute_unreleased(plan, shop.out) as folder:
            drawn.append((kept_canaries(folder.vault), unreleased_texts(folder)))
    assert drawn[0] == drawn[1]


@pytest.mark.usefixtures("method")
def test_other_rows_than_the_run_read_are_refused(shop: Shop) -> None:
    plan = shop.plan(audit_holdout=0.5)
    with execute_unreleased(plan, shop.out):
        pass
    shop.lab.file([{"text": text, "user": f"p-{i}"} for i, text in enumerate(texts(150, 9))])
    with pytest.raises(DataError, match="not the rows"):
        canary_run(plan, shop.out, attacks=FEW)


def test_the_writer_makes_the_beginnings_where_none_are_named(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"epsilon": 2.0}, data={"audit_canaries": 40})
    with execute_unreleased(plan, lab.folder / "audit", tools=lab.tools()) as folder:
        made = kept_canaries(folder.vault).canaries
        assert len(made) == 40
        private = {row["text"] for row in lab.rows(300)}
        assert not any(canary.beginning in text for canary in made for text in private)
    assert not (lab.folder / "audit" / "release").exists()


def test_an_interrupted_audit_run_holds_no_text_of_its_corpus_in_clear(lab: Lab) -> None:
    """Not in the writer's replies either, of which the corpus is made."""
    public = lab.file([{"text": text} for text in texts(100, 3)], "public.jsonl")
    data = {"audit_canaries": 40, "canary_texts": str(public)}
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"epsilon": 2.0}, data=data)
    out = lab.folder / "audit"
    for _ in range(2):  # begun, and resumed
        with execute_unreleased(plan, out, tools=lab.tools()) as folder:
            corpus = unreleased_texts(folder)
        assert len(corpus) > 10
        assert not [
            name for name, content in files(out).items() if any(text.encode() in content for text in corpus)
        ]


def test_a_method_that_reads_nothing_and_too_few_canaries_are_refused(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no private data"):
        canary_run(shop.plan("floor"), shop.out)
    with pytest.raises(UsageError, match="20 canaries"):
        canary_run(shop.plan("strict", canaries=5), shop.out)
    assert not shop.out.exists()


def test_a_declared_number_of_people_and_undeclared_labels_do_not_go_with_canaries(lab: Lab) -> None:
    with pytest.raises(UsageError, match="n_public"):
        lab.plan("x", data={"audit_canaries": 40}, privacy={"n_public": 500})
    with pytest.raises(UsageError, match="declared labels"):
        lab.plan("x", data={"audit_canaries": 40, "label": "label"})


def test_canaries_have_declared_labels_and_the_operator_can_repeat_the_run(lab: Lab) -> None:
    public = lab.file([{"text": text} for text in texts(100, 3)], "public.jsonl")
    data = {"audit_canaries": 40, "label": "label", "labels": ("food", "drink"), "canary_texts": str(public)}
    plan = lab.plan(lab.file(lab.rows(300)), data=data, privacy={"epsilon": 8.0})
    run = api.run(plan, lab.folder / "run")
    assert any(line["name"] == "audit_canaries" for line in run.ledger["public_inputs"])
    opened = api.verify(run.path, with_vault=True)
    assert opened.ok, [check for check in opened.checks if not check.ok]
    assert any("noisy minus exact" in check.name for check in opened.checks)


# -- the command


@pytest.mark.usefixtures("method")
def test_the_command_says_the_verdict_and_where_the_page_is(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(shop.plan().to_toml())
    words = ["audit-run", "--config", str(tmp_path / "plan.toml"), "-o", str(shop.out)]
    assert main([*words, "--attacks", ",".join(FEW)]) == 0
    said = capsys.readouterr()
    assert "No violation was seen" in said.out
    assert "audit.html" in said.out
    assert main(words) == RunError.exit_code


@pytest.mark.usefixtures("method")
def test_no_other_command_makes_anything_of_an_audit_run(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keygen", str(tmp_path / "key")]) == 0
    plan = shop.plan(audit_holdout=0.5)
    with execute_unreleased(plan, shop.out):
        pass
    left = {"sealed": dict(files(shop.out))}
    canary_run(plan, shop.out, attacks=FEW)
    left["destroyed"] = dict(files(shop.out))
    assert len(left["destroyed"]) < len(left["sealed"])
    commands = ("verify", "evaluate", "report", "audit", "purge --yes", f"publish --sign {tmp_path / 'key'}")
    for command in commands:
        code = main([*command.split(), str(shop.out)])
        said = capsys.readouterr()
        assert code > 1, (command, said)
        assert "rpsg run" not in said.err or "audit" in said.err, (command, said.err)
    assert files(shop.out) == left["destroyed"]


def test_shadows_that_cannot_be_are_refused_before_anything_is_paid(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(200)), data={"label": "label", "labels": ["a", "b"]})
    with pytest.raises(UsageError, match="labels"):
        canary_run(plan, lab.folder / "audit", shadows=True, tools=lab.tools())
    assert not (lab.folder / "audit").exists()
