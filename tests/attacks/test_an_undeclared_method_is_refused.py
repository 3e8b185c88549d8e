"""What a method reads decides what its release claims, so a method that does not say it cannot run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api, registry
from rpsg.errors import PlugInError, PrivacyError, RpsgError, UsageError
from rpsg.methods import strict
from rpsg.methods.base import Method
from rpsg.methods.budget import strict_budget
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.pipeline.release_files import pretty_json
from rpsg.privacy.claims import taken_at_its_word
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.signing import seal
from rpsg.records import Candidate, Card, Pool
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Lab

    from rpsg.methods.base import Job
    from rpsg.protocols import Reads
    from rpsg.release.run import Run


def copies_five_texts(job: Job) -> Pool:
    """What a careless plug-in may do: open the private file and hand on what it finds."""
    lines = Path(job.plan.data.path).read_text().splitlines()[:5]
    return Pool(tuple(Candidate(i, json.loads(line)["text"], Card({})) for i, line in enumerate(lines)))


LEAKY = Method("leaky", "says that it reads nothing, and tries to", "nothing", copies_five_texts)
BORROWED = Method("strict", "calls itself by another's name", "nothing", copies_five_texts)
MINE = Method("mine", "strict by another name", "noisy_answers", strict.synthesize, strict_budget)


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    """A package with these methods: a bare function, and three that declare what they read."""
    methods = {"undeclared": copies_five_texts, "leaky": LEAKY, "borrowed": BORROWED, "mine": MINE}
    with plugged("methods", methods):
        yield


def test_a_bare_function_is_refused_before_anything_is_read(lab: Lab) -> None:
    plan = lab.plan(lab.folder / "there is no such file", method={"name": "undeclared"})
    with pytest.raises(UsageError, match="does not declare what it reads"):
        lab.run(plan)
    assert not (lab.folder / "run").exists()
    with pytest.raises(UsageError, match="does not declare what it reads"):
        api.preview(plan)


def test_a_method_that_says_it_reads_nothing_is_not_told_where_the_data_are(lab: Lab) -> None:
    file = lab.file(lab.rows(50))
    with pytest.raises((RpsgError, OSError)):
        lab.run(lab.plan(file, method={"name": "leaky"}))
    assert not (lab.folder / "run" / "release").exists()


def test_no_method_can_be_sealed_under_the_name_of_another(lab: Lab) -> None:
    with pytest.raises(UsageError, match="calls itself 'strict'"):
        lab.run(lab.plan(lab.file(lab.rows(50)), method={"name": "borrowed"}))


@pytest.mark.parametrize(
    ("reads", "has_budget"),
    [("nothing", True), ("records", True), ("noisy_answers", False), ("donors", False), ("a bit", False)],
)
def test_a_declaration_that_contradicts_itself_cannot_be_made(reads: Reads, has_budget: bool) -> None:
    with pytest.raises(ValueError, match="a method"):
        Method("odd", "", reads, strict.synthesize, strict_budget if has_budget else None)


@pytest.mark.parametrize("reads", ["records", "donors"])
def test_a_method_given_records_says_how_they_reach_the_release(reads: Reads) -> None:
    """Without it a run would read private data, work to its end, and then could not be sealed."""
    donors = {"budget": strict_budget, "retell": lambda *_: None} if reads == "donors" else {}
    with pytest.raises(ValueError, match=f"reads '{reads}' lists in flows"):
        Method("odd", "", reads, strict.synthesize, **donors)  # type: ignore[arg-type]  # for donors alone
    with pytest.raises(ValueError, match="has no flows"):
        Method("odd", "", "nothing", copies_five_texts, flows=lambda *_: ())


def test_flows_that_list_nothing_are_refused_before_anything_is_read(lab: Lab) -> None:
    empty = Method("empty", "a plug-in", "records", copies_five_texts, flows=lambda *_: ())
    plan = lab.plan(lab.file(lab.rows(50)), method={"name": "empty"})
    with plugged("methods", {"empty": empty}), pytest.raises(PlugInError, match=r"'empty'.* in flows"):
        lab.run(plan)
    assert not (lab.folder / "run").exists()


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        ("nothing", "declares that it reads nothing"),
        ("records", r"must go through job\.seeding\.unprotected"),
    ],
)
def test_a_method_that_asks_for_people_whom_it_must_not_have_is_told_so(
    lab: Lab, reads: Reads, message: str
) -> None:
    def asks(job: Job) -> Pool:
        job.people.rows.map(len)
        return Pool()

    flows = (lambda *_: (UnprotectedFlow("records", "prompt", "raw text"),)) if reads == "records" else None
    curious = Method("curious", "a plug-in", reads, asks, flows=flows)
    with plugged("methods", {"curious": curious}), pytest.raises(PrivacyError, match=message) as caught:
        lab.run(lab.plan(lab.file(lab.rows(50)), method={"name": "curious"}))
    assert "'curious'" in str(caught.value)
    assert "replay" not in str(caught.value)


def test_a_stranger_s_private_method_is_accounted_and_sealed_under_its_own_name(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(600)), method={"name": "mine"})
    assert "differential privacy, end to end" in api.preview(plan).claim
    run = api.run(plan, lab.folder / "run")
    assert (run.ledger["method"], run.ledger["reads"]) == ("mine", "noisy_answers")
    assert run.ledger["claim"]["type"] == "end_to_end_dp"
    assert run.epsilon == 4.0
    assert [line["stage"] for line in run.ledger["mechanisms"]] == ["size", "cards", "sketch"]
    paid = [total.epsilon for name in Odometer().names() for total in Odometer().statement(name).totals]
    assert paid == [pytest.approx(4.0, abs=0.01)]


def test_its_release_is_verified_by_who_allows_it_and_by_nobody_else(lab: Lab) -> None:
    run = api.run(lab.plan(lab.file(lab.rows(600)), method={"name": "mine"}), lab.folder / "run")
    assert api.verify(run.path, plugins=["mine"]).ok
    refused = [check.detail for check in api.verify(run.path).checks if not check.ok]
    assert any("--allow-plugin" in detail for detail in refused)


def opens_a_file_of_its_own(_: Job) -> Pool:
    """What no declaration keeps a method from."""
    return Pool((Candidate(0, Path(__file__).read_text(encoding="utf-8")[:40], Card({})),))


def test_a_release_names_the_packages_whose_word_it_rests_on(lab: Lab) -> None:
    own = Method("own-file", "a plug-in", "nothing", opens_a_file_of_its_own)
    writers = plugged("writers", {"lent-writer": lambda *_, **__: FakeWriter()})
    with plugged("methods", {"own-file": own}), writers:
        plan = lab.plan(method={"name": "own-file"}, models={"writer": "lent-writer"})
        run = api.run(plan, lab.folder / "run")
        found = api.verify(run.path, plugins=["own-file"])
    told = run.ledger["code"]["extensions"]
    assert [(e["kind"], e["name"], e["version"]) for e in told] == [
        ("method", "own-file", "1.0"),
        ("writer", "lent-writer", "1.0"),
    ]
    assert all(e["package"].startswith("lent-") for e in told)
    assert found.ok
    for e in told:
        line = taken_at_its_word(e)
        assert e["package"] in line
        assert line in run.ledger["not_covered"]
        assert line in found.cannot_show
        for page in ("README.md", "report.html"):
            assert line in (run.release / page).read_text(encoding="utf-8")


def test_a_ledger_of_built_in_methods_names_no_package(lab: Lab) -> None:
    assert set(lab.run(lab.plan(method={"name": "floor"})).ledger["code"]) == {
        "version",
        "source_sha256",
        "python",
    }


def leave_out(run: Run, kind: str) -> None:
    """Seal the ledger of a release again, without the package of its method or of a model."""
    ledger = json.loads((run.release / "ledger.json").read_text(encoding="utf-8"))
    told = ledger["code"].pop("extensions")
    if kept := [extension for extension in told if extension["kind"] != kind]:
        ledger["code"]["extensions"] = kept
    (gone,) = [extension for extension in told if extension["kind"] == kind]
    ledger["not_covered"].remove(taken_at_its_word(gone))
    sealed = seal({k: v for k, v in ledger.items() if k != "chain"}, ledger["chain"]["prev_sha256"])
    (run.release / "ledger.json").write_bytes(pretty_json(sealed))


def test_a_ledger_that_leaves_the_package_of_its_method_out_is_refused(lab: Lab) -> None:
    run = api.run(lab.plan(lab.file(lab.rows(600)), method={"name": "mine"}), lab.folder / "run")
    leave_out(run, "method")
    refused = [check.detail for check in api.verify(run.path, plugins=["mine"]).checks if not check.ok]
    assert refused == ["The ledger does not say which package its method comes from."]


@pytest.mark.parametrize(
    ("group", "kind", "build"),
    [
        ("writers", "writer", lambda *_, **__: FakeWriter()),
        ("embedders", "embedder", lambda *_, **__: FakeEmbedder()),
    ],
)
def test_a_ledger_that_leaves_the_package_of_a_model_out_is_refused_by_who_lacks_it_too(
    lab: Lab, group: registry.Kind, kind: str, build: Callable[..., Any]
) -> None:
    with plugged(group, {"lent-model": build}):
        run = api.run(lab.plan(method={"name": "floor"}, models={kind: "lent-model"}), lab.folder / "run")
        assert api.verify(run.path).ok
    leave_out(run, kind)
    refused = [check.detail for check in api.verify(run.path).checks if not check.ok]
    assert refused == [f"The ledger does not say which package its {kind} lent-model comes from."]


@pytest.mark.parametrize(
    ("kind", "own", "others"),
    [
        (
            "writers",
            ["fake", "gemma-3-270m", "openai:gpt", "hf:a/b/c.gguf", "my.gguf", "./weights"],
            ["mine"],
        ),
        ("embedders", ["minilm", "st:a/b", "./folder", "azure:mine"], ["mine", "mine:minilm"]),
        ("scorers", ["fake", "transformers:gpt2"], ["gpt2", "./weights"]),
        ("recognizers", ["patterns"], ["mine"]),
    ],
)
def test_names_tell_rpsg_s_own_models_from_those_of_others(
    kind: registry.Kind, own: list[str], others: list[str]
) -> None:
    assert [name for name in (*own, *others) if registry.is_own(kind, name)] == own
