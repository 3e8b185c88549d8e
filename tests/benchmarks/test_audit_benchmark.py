"""The benchmark of the audit still runs, and plants what it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rpsg.models.fake import FakeEmbedder
from rpsg.testing.planted import WORDS, texts

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "audit.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("audit_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "reviews", lambda seed: texts(400, seed))
    return module


def test_a_leak_takes_the_place_of_as_many_texts_of_the_corpus(benchmark: Any) -> None:
    clean, leaking = (benchmark.subject(1, 60, 50, leak, 0) for leak in (None, (0.2, "verbatim")))
    assert len(clean.synthetic) == len(leaking.synthetic) == 50
    assert set(clean.texts).isdisjoint(clean.synthetic)
    assert len(set(leaking.texts) & set(leaking.synthetic)) == 12


def test_planted_canaries_leak_as_members_do(benchmark: Any) -> None:
    case = benchmark.subject(1, 60, 50, (0.2, "verbatim"), 40)
    leaked = [text for text in case.canaries.planted if text in case.synthetic]
    assert len(leaked) == round(0.2 * len(case.canaries.planted))


def test_two_sentences_are_two_of_the_text(benchmark: Any) -> None:
    made = benchmark.two_sentences("One. Two! Three? Four.", np.random.default_rng(0))
    assert made in {"One. Two!", "Two! Three?", "Three? Four."}


def test_each_leak_has_a_row_with_what_each_attack_saw(benchmark: Any) -> None:
    rows = benchmark.power(["verbatim"], benchmark.SHARES, 60, 50, 1, 40)
    assert [(row["leak"], row["share"]) for row in rows] == [("verbatim", s) for s in benchmark.SHARES]
    assert rows[2]["any"] == 1
    assert rows[2]["extraction"]["seen"] == 1


def test_a_null_corpus_is_counted_with_its_alarms(benchmark: Any) -> None:
    found = benchmark.null(60, 50, 1)
    assert (found["seeds"], found["alarms"], found["largest"]) == (1, 0, 0.0)


def test_a_paraphrase_has_words_gone_exchanged_and_in_another_order(benchmark: Any) -> None:
    text = ". ".join(" ".join(f"w{k}x{i}" for i in range(10)) for k in range(20)) + "."
    made = benchmark.paraphrased(text, np.random.default_rng(0)).split()
    own = set(text.split())
    kept = [word for word in made if word in own]
    assert 130 < len(made) < 190
    assert 0.75 < len(kept) / len(made) < 0.95
    assert kept != [word for word in text.split() if word in set(kept)]


def test_the_aided_attacks_are_measured_alone(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark.registry, "embedder", lambda name: FakeEmbedder())
    case = benchmark.subject(1, 60, 50, (0.2, "verbatim"), 0, aided=True)
    assert set(benchmark.found(case)) == {"closest", "closest-ratio", "lira-shadow"}
    corpus = case.aids.pipeline(case.texts[:60], case.owner[:60], 0)
    assert len(corpus) == 50
    assert len(set(corpus) & set(case.texts[:60])) == 12


def test_the_tables_of_the_page_are_those_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import audit_page

    page = audit_page.PAGE.read_text("utf-8")
    assert page.count("<!-- table: ") == len(audit_page.tables())
    assert audit_page.written(page) == page


def test_the_published_measure_depends_on_the_order_of_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for no member: pairs are mixed up, so the copies are all of the first few originals."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from audit_posts import published

    likely, other, corpus = texts(50, 1, WORDS[:30]), texts(50, 2), texts(200, 3)
    first, last = published([*likely, *other], corpus), published([*other, *likely], corpus)
    assert first["LiRA"] == first["REFER"]
    assert abs(first["PPL"] - last["PPL"]) > 0.2
    assert first["extraction"] == 0.0


def test_the_audit_is_timed_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import audit_scale

    monkeypatch.setattr(audit_scale, "reviews", lambda seed: texts(400, seed))
    monkeypatch.setattr(
        audit_scale, "whole_audit", lambda *sides: SimpleNamespace(verdict="not run", reason="")
    )
    found = audit_scale.speed(80)
    assert (found["synthetic"], found["private"], found["verdict"]) == (2000, 80, "not run")


def test_a_million_is_extrapolated_with_its_exponent_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import audit_scale

    rows = [
        {"private": size, "seconds of one core": 7 + size / 100, "MiB at most": 90 + (size - 10_000) ** 0.5}
        for size in (10_000, 40_000, 100_000)
    ]
    assert "extrapolated" not in audit_scale.memory((), rows[:2])
    assert "extrapolated" not in audit_scale.memory(
        (), [{**row, "private": row["private"] + 9000} for row in rows]
    )
    found = audit_scale.memory((), rows)["extrapolated"]
    assert found["MiB at most"] == {"exponent": 0.5, "private": 1_000_000, "value": 1085}
    assert found["seconds of one core"] == {"exponent": 1.0, "private": 1_000_000, "value": 10_007}


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import audit_names

    monkeypatch.setattr(audit_names, "reviews", lambda seed: texts(400, seed))
    return audit_names


@pytest.mark.parametrize("kind", ["verbatim", "the line alone"])
def test_the_line_that_says_who_wrote_a_text_leaks(signed: Any, kind: str) -> None:
    case = signed.subject(1, 60, 50, (0.2, kind), signed.Signed(), rare=True)
    assert len(case.synthetic) == 50
    inside = [text for text, owner in zip(case.texts, case.owner, strict=True) if case.is_in[owner]]
    lines = {text[text.index("I am ") :] for text in case.synthetic}
    assert sum(text[text.index("I am ") :] in lines for text in inside) == 12
    assert len(set(inside) & set(case.synthetic)) == (12 if kind == "verbatim" else 0)
    row = signed.measured(60, 50, [1], signed.Signed(), (0.2, kind), rare=True)
    assert row["identities"]["right"] == row["names"]["right"] == 12
    assert (row["identities"]["seen"], row["names"]["seen"]) == (1, 1)


def test_a_writer_that_invents_names_reveals_nobody(signed: Any) -> None:
    row = signed.measured(60, 50, range(5), signed.Signed(), None, rare=False)
    assert (row["identities"]["seen"], row["names"]["seen"]) == (0, 0)


def test_each_text_is_read_once(signed: Any) -> None:
    asked: list[str] = []
    whole = signed.Signed()

    def noted(given: list[str]) -> Any:
        asked.extend(given)
        return whole.find(given)

    known = signed.Known(SimpleNamespace(name="noted", endpoint="local_model", find=noted))
    assert [len(known.find(["I am Ada Hall.", "Nobody"])[0]) for _ in range(2)] == [1, 1]
    assert asked == ["I am Ada Hall.", "Nobody"]
