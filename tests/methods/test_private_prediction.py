"""Private prediction: who is in which text, what is asked of the model, what a release says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rpsg
from rpsg.errors import InfeasibleError, RunError, UsageError
from rpsg.methods.named import find_method
from rpsg.methods.prediction_plan import clip_of, groups_of
from rpsg.methods.private_prediction import group_of, person_tag, prompt_parts
from rpsg.models.fake import FILLER, FakeLogits
from rpsg.pipeline.execute import execute
from rpsg.pipeline.private_data import account_of
from rpsg.privacy import mechanisms
from rpsg.privacy.odometer import Odometer
from rpsg.records import Document
from rpsg.testing.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.protocols import Contexts
    from rpsg.release.run import Run

KEY, DRAW = b"a secret", "0" * 32
METHOD = find_method("private-prediction")


@dataclass
class Watched:
    """A fake model that keeps what it is asked, and whose power can be cut."""

    source: FakeLogits = field(default_factory=FakeLogits)
    begun: list[tuple[int, int]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    left: int = 10**9

    endpoint = "local_model"
    name = "fake-logits"

    @property
    def pieces(self) -> Sequence[str | None]:
        return self.source.pieces

    def begin(
        self, before: str, texts: Sequence[str], after: str, *, most: int, room: int, least: int = 1
    ) -> Contexts:
        self.begun.append((len(texts), least))
        self.shown += texts if least == 1 else []
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.source.begin(before, texts, after, most=most, room=room, least=least)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    return Lab(tmp_path)


def planned(lab: Lab, file: Path | str = "", **sections: Any) -> Plan:
    usual: dict[str, Any] = {
        "method": {"name": "private-prediction"},
        "corpus": {"size": 4},
        "prediction": {"batch": 10, "tokens": 8, "choices": 30},
    }
    names = {*usual, *sections}
    return lab.plan(file, **{name: usual.get(name, {}) | sections.get(name, {}) for name in names})


def drawn(lab: Lab, plan: Plan, source: Any = None, out: str = "run") -> Run:
    tools = replace(lab.tools(writer=FakeLogits()), logits=source or FakeLogits())
    return execute(plan, lab.folder / out, tools=tools)


# -- who is in which text ---------------------------------------------------------------------------------


def people(count: int) -> list[Document]:
    return [Document(i, f"text {i}", user=f"person {i % (count // 2)}") for i in range(count)]


def placed(rows: Sequence[Document], groups: int = 7) -> Counter[tuple[str, str, int]]:
    return Counter((row.user or "", row.text, group_of(person_tag(row, KEY, DRAW), groups)) for row in rows)


def test_one_row_more_or_less_moves_no_other_row() -> None:
    rows = people(60)
    whole = placed(rows)
    for gone in range(0, 60, 7):
        fewer = placed(rows[:gone] + rows[gone + 1 :])
        assert sum((whole - fewer).values()) == 1
        assert not fewer - whole


def test_neither_order_nor_number_of_a_row_matters() -> None:
    rows = people(60)
    moved = [replace(row, id=row.id + 1000) for row in reversed(rows)]
    assert placed(moved) == placed(rows)


def test_all_rows_of_a_person_are_in_one_text_and_people_are_spread_evenly() -> None:
    rows = people(2000)
    groups: dict[str, set[int]] = {}
    for user, _, group in placed(rows):
        groups.setdefault(user, set()).add(group)
    assert {len(found) for found in groups.values()} == {1}
    sizes = Counter(next(iter(found)) for found in groups.values())
    chi = sum((sizes[g] - 1000 / 7) ** 2 / (1000 / 7) for g in range(7))
    assert chi < 40, "six degrees of freedom: once in a million"


def test_rows_without_a_user_go_by_their_content_and_another_draw_divides_them_anew() -> None:
    rows = [Document(i, f"text {i % 30}") for i in range(60)]
    first = [group_of(person_tag(row, KEY, DRAW), 7) for row in rows]
    assert first[:30] == first[30:]
    assert first != [group_of(person_tag(row, KEY, "1" * 32), 7) for row in rows]
    assert first != [group_of(person_tag(row, b"another secret", DRAW), 7) for row in rows]


def test_where_more_people_are_declared_than_the_texts_can_take_the_others_are_not_used(lab: Lab) -> None:
    assert groups_of(planned(lab)) == 4
    assert groups_of(planned(lab, privacy={"n_public": 39})) == 4
    assert groups_of(planned(lab, privacy={"n_public": 400})) == 40


# -- what is asked of the model ---------------------------------------------------------------------------


def test_the_model_is_asked_for_as_many_prompts_whoever_is_in_a_text(lab: Lab) -> None:
    """At least ``batch`` for each text, and one public prompt; the number of people shows only above that."""
    watched = Watched()
    drawn(lab, planned(lab, lab.file(lab.rows(12))), watched)
    assert [least for _, least in watched.begun] == [1, 10] * 4
    assert sum(rows for rows, least in watched.begun if least == 10) == 12


def test_the_public_prompts_hold_examples_of_the_pack_alone(lab: Lab) -> None:
    watched = Watched()
    drawn(lab, planned(lab, lab.file(lab.rows(12))), watched)
    assert set(watched.shown) <= {" ".join(e.text.split()) for e in lab.tiny().examples}
    assert "eview" in "".join(prompt_parts(lab.tiny()))


def test_texts_that_the_model_cannot_read_do_not_end_a_run(lab: Lab) -> None:
    unreadable = FakeLogits(broken=lambda text: bool(set(text.split()) & set(lab.apple)))
    run = drawn(lab, planned(lab, lab.file(lab.rows(40))), unreadable)
    assert run.texts


def test_nobody_at_all_gives_public_texts(lab: Lab) -> None:
    run = drawn(lab, planned(lab, lab.file(lab.rows(1)), corpus={"size": 8}))
    assert len(run.ledger["mechanisms"]) == 1


def test_the_page_does_not_say_that_the_writer_saw_no_private_text(lab: Lab) -> None:
    run = drawn(lab, planned(lab, lab.file(lab.rows(40))))
    page = (run.path / "release" / "report.html").read_text(encoding="utf-8")
    assert "which read private texts" in page
    assert "which it never saw" not in page


def test_words_of_many_people_become_likelier(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an epsilon that protects nobody; the likeliest token is taken, so that chance has no part in it."""
    monkeypatch.setattr(mechanisms, "draw", lambda steps: steps.index(max(steps)))
    sections = {"corpus": {"size": 4}, "prediction": {"tokens": 12}, "privacy": {"epsilon": 20.0}}
    many = lab.file([{"text": "friend friend", "user": str(i)} for i in range(80)], "many.jsonl")
    other = lab.file([{"text": "sugar sugar", "user": str(i)} for i in range(80)], "other.jsonl")
    with_, without = (
        " ".join(drawn(lab, planned(lab, file, **sections), out=file.stem).texts).split().count("friend")
        for file in (many, other)
    )
    assert with_ > 3 * (without + 1)
    assert "sugar" not in FILLER, "a word that is in no token changes nothing"


# -- stopping and going on --------------------------------------------------------------------------------


def test_a_run_that_was_stopped_in_a_text_goes_on_and_the_account_pays_once(lab: Lab) -> None:
    plan = planned(lab, lab.file(lab.rows(40)))
    with pytest.raises(KeyboardInterrupt):
        drawn(lab, plan, Watched(left=5))
    log = lab.folder / "run" / "private" / "tokens-000.jsonl"
    before = log.read_text().splitlines()
    assert len(before) > 2
    run = drawn(lab, plan)
    assert log.read_text().splitlines()[: len(before)] == before
    total = account_of(plan, Odometer()).total()
    assert total.mu2 == pytest.approx(run.ledger["claim"]["mu"] ** 2)
    assert total.reserved_mu2 == 0


@pytest.mark.parametrize(
    "changed", [{"models": {"writer": "smollm2-135m"}}, {"corpus": {"about": "letters about food"}}]
)
def test_a_text_is_not_continued_by_another_model_or_prompt_than_its_ledger_names(
    lab: Lab, changed: dict[str, Any]
) -> None:
    file = lab.file(lab.rows(40))
    with pytest.raises(KeyboardInterrupt):
        drawn(lab, planned(lab, file), Watched(left=5))
    with pytest.raises(RunError, match="holds a run of another plan"):
        drawn(lab, planned(lab, file, **changed))


def test_logits_that_are_no_numbers_warn_nobody(recwarn: pytest.WarningsRecorder) -> None:
    """A warning on the screen would say that some private text breaks the model."""
    from rpsg.methods.private_prediction import _centred as centred

    rows = np.full((3, 4), np.inf)
    rows[1, :2] = -np.inf
    rows[2, 0] = np.nan
    assert not np.isfinite(centred(rows)).all(axis=1).any()
    assert not recwarn.list


# -- what a release says ----------------------------------------------------------------------------------


def test_the_claim_covers_the_corpus_and_not_the_model_that_read_private_texts(lab: Lab) -> None:
    plan = planned(lab, lab.file(lab.rows(40)))
    run = drawn(lab, plan)
    claim = run.ledger["claim"]
    assert claim["text"].startswith("The released corpus is (epsilon 4, delta 1e-06)-differentially private")
    assert "llm_provider" not in claim["protects_against"]
    assert [line["carries"] for line in run.ledger["egress"]] == ["raw_private"]
    seen = json.loads((run.release / "egress.json").read_text())["seen"]
    assert next(line for line in seen if line["role"] == "writer")["sees"] == "private texts as examples"
    assert "language model is sent" not in rpsg.preview(plan).claim


def test_a_changed_token_is_found_by_verify(lab: Lab) -> None:
    run = rpsg.run(planned(lab, lab.file(lab.rows(40))), lab.folder / "run")
    assert [check for check in rpsg.verify(run.release).checks if not check.ok] == []
    path = run.release / "evidence" / "release-000.json"
    path.write_text(path.read_text().replace('" ', '" x', 1))
    assert not rpsg.verify(run.release).ok


def test_a_text_ends_with_its_end_or_its_last_whole_sentence() -> None:
    from rpsg.methods.private_prediction import _candidate

    cut = [(1, " Good"), (2, " tea."), (3, " And"), (4, " then")]
    assert _candidate(0, cut).text == "Good tea."
    assert _candidate(0, [*cut, (0, "")]).text == "Good tea. And then"
    assert _candidate(0, cut[2:]).text == "And then"
    assert _candidate(0, [(5, "\xc3"), (6, "\xa9t\xc3"), (7, "")]).text == "\u00e9t"
    assert _candidate(0, [(5, " "), (0, "")]).dropped is not None


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"models": {"writer": "openai:gpt"}}, "does not show its logits"),
        ({"data": {"label": "label"}}, "without labels"),
        ({"privacy": {"noise": "opendp"}}, "not by OpenDP"),
    ],
)
def test_what_it_does_not_do_is_refused(lab: Lab, sections: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        METHOD.check(planned(lab, **sections))


def test_a_budget_that_pays_for_no_clip_is_refused(lab: Lab) -> None:
    assert METHOD.budget is not None
    with pytest.raises(InfeasibleError, match="too small for this number of tokens"):
        METHOD.budget(planned(lab, privacy={"epsilon": 1e-4}, prediction={"tokens": 1000}), lab.tiny())


@pytest.mark.parametrize(("adjacency", "factor"), [("add_remove", 1.0), ("replace_one", 0.5)])
def test_the_clip_grows_with_the_batch_and_halves_where_people_are_replaced(
    lab: Lab, adjacency: str, factor: float
) -> None:
    assert METHOD.budget is not None
    privacy = {"adjacency": adjacency, "epsilon": 2.0, "n_public": 500}
    plan = planned(lab, privacy=privacy, prediction={"batch": 63, "tokens": 100})
    budget = METHOD.budget(plan, lab.tiny())
    c = plan.records_per_unit
    assert clip_of(plan, budget) == pytest.approx(2.253 * factor / c, abs=0.005)
    assert np.isclose(budget.epsilon_spent, 2.0, atol=0.01)
