"""Laws for every method. Subclass ``MethodLaws`` and give it a method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import rpsg
from rpsg.methods.base import Method
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeWriter
from rpsg.testing.lab import Lab, Witness, plugged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.release.run import Run
    from rpsg.testing.lab import Rows


class MethodLaws:
    """``sections`` holds the settings that the method needs, e.g. ``{"privacy": {...}}``.

    Each law runs the method with fake models on invented reviews by 300 people.
    """

    sections: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @pytest.fixture
    def method(self) -> Method:
        raise NotImplementedError

    @pytest.fixture
    def laboratory(self, method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
        """A folder and an account book for one test, where the method is found by its name."""
        monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
        with plugged("methods", {method.name: method}):
            yield Lab(tmp_path)

    def plan(self, lab: Lab, method: Method, data: Path | str = "") -> Plan:
        """A plan of this method for ``data``."""
        chosen = {**self.sections.get("method", {}), "name": method.name}
        return lab.plan(data, **{**self.sections, "method": chosen})

    def finished(self, lab: Lab, method: Method) -> Run:
        """A run on 300 invented reviews."""
        return rpsg.run(self.plan(lab, method, lab.file(lab.rows(300))), lab.folder / "run")

    def test_it_is_found_by_the_name_that_it_gives_itself(self, laboratory: Lab, method: Method) -> None:
        assert isinstance(method, Method)
        assert method.name
        assert method.about
        found = find_method(method.name)
        declared = (found.name, found.about, found.reads, found.sections, found.untold)
        assert declared == (method.name, method.about, method.reads, method.sections, method.untold)

    def test_its_release_says_what_it_read_and_claims_what_follows_from_that(
        self, laboratory: Lab, method: Method
    ) -> None:
        run = self.finished(laboratory, method)
        assert (run.ledger["method"], run.ledger["reads"]) == (method.name, method.reads)
        assert run.ledger["claim"]["type"] == method.claim
        plan = self.plan(laboratory, method)
        budget = None if method.budget is None else method.budget(plan, laboratory.tiny())
        planned = [] if budget is None else [release.stage for release in budget.releases]
        asked = [line["stage"] for line in run.ledger["mechanisms"] if "sigma" in line]
        assert asked == planned, "each question that the budget announces is asked, in that order"

    def test_its_release_is_verified_by_anyone_who_allows_the_method(
        self, laboratory: Lab, method: Method
    ) -> None:
        """The corpus is made again from public inputs and noisy answers, without private data."""
        run = self.finished(laboratory, method)
        found = rpsg.verify(run.release, plugins=[method.name])
        assert [check for check in found.checks if not check.ok] == []

    def test_it_makes_texts_and_no_more_of_them_than_were_asked_for(
        self, laboratory: Lab, method: Method
    ) -> None:
        run = self.finished(laboratory, method)
        assert 0 < len(run.texts) <= self.plan(laboratory, method).corpus.size
        assert all(text.strip() for text in run.texts)

    def test_a_method_that_reads_nothing_needs_no_data_and_is_not_told_where_any_are(
        self, laboratory: Lab, method: Method
    ) -> None:
        if method.reads != "nothing":
            pytest.skip(f"it reads {method.reads}")
        without = rpsg.run(self.plan(laboratory, method), laboratory.folder / "without")
        assert without.texts == self.finished(laboratory, method).texts
        assert "no private data" in rpsg.preview(self.plan(laboratory, method)).claim.lower()

    def test_the_same_noisy_answers_give_the_same_texts_whatever_the_rows_are(
        self, laboratory: Lab, method: Method
    ) -> None:
        """Nothing private gets past the kernel: not to the writer, into the texts or onto the screen."""
        if method.reads != "noisy_answers":
            pytest.skip(f"it reads {method.reads}, so what it makes depends on more than noisy answers")
        lab, rows = laboratory, laboratory.rows(300)
        run = self.finished(lab, method)
        others = {
            "the same": rows,
            "one fewer": rows[:100] + rows[101:],
            "one more": [*rows, lab.rows(1, words=lab.zebra, seed=5)[0] | {"user": "somebody else"}],
            "all others": lab.rows(340, words=lab.zebra, seed=9),
        }
        seen = {name: self.seen_with(run, lab, method, its) for name, its in others.items()}
        assert [name for name, its in seen.items() if its != seen["the same"]] == []
        assert seen["the same"][0] == tuple(run.texts)

    def seen_with(
        self, run: Run, lab: Lab, method: Method, rows: Rows
    ) -> tuple[tuple[str, ...], object, object, object]:
        """The texts, candidates, requests and progress lines, given the noisy answers of ``run``.

        Advances of a progress bar are left out: only the operator sees them, and they are not kept.
        """
        writer, witness = FakeWriter(), Witness()
        plan = self.plan(lab, method, lab.file(rows, "others.jsonl"))
        pool = lab.answered_as(run, plan, writer=writer, progress=witness)
        return (
            tuple(c.text for c in pool.alive()),
            pool,
            writer.requests,
            [line for line in witness.told if line[0] != "advance"],
        )
