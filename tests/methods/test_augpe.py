"""AUG-PE from the outside: what it asks, what it pays, and that more rounds of votes bring texts nearer."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg import api
from rpsg.errors import LimitError, ModelError, UsageError
from rpsg.methods.augpe import augpe_budget
from rpsg.models.fake import FakeWriter
from rpsg.plan import resolve
from rpsg.privacy.gaussian import epsilon_of
from rpsg.testing.noise import SeededNoise

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Request
    from rpsg.release.run import Run

GOLDEN = Path(__file__).parents[1] / "privacy" / "golden" / "gaussian_dp.json"
#: Rows of the data sets of the paper, and the noise that its authors publish for epsilon 1, 2 and 4, T = 10
#: and delta = 1 / (n ln n).
PUBLISHED = {
    "OpenReview": (8_396, {1: 11.60, 2: 6.22, 4: 3.38}),
    "PubMed": (75_316, {1: 13.26, 2: 7.01, 4: 3.75}),
}
YELP = (1_939_290, {1: 15.34, 2: 8.03, 4: 4.24})
SPENT_BY_YELP = {1: 1.004455, 2: 2.002377, 4: 4.005258}


def plan_of(lab: Lab, rows: int = 300, more: Any = None, **augpe: Any) -> Plan:
    short = {"iterations": 3, "variations": 3, **augpe}
    return lab.plan(lab.file(lab.rows(rows)), **{"method": {"name": "augpe"}, "augpe": short, **(more or {})})


def delta_of(n: int) -> float:
    return 1 / (n * math.log(n))


def sigma_of(tiny: Pack, epsilon: float, delta: float, iterations: int = 10, **sections: Any) -> float:
    sections["augpe"] = {"iterations": iterations, **sections.get("augpe", {})}
    plan = resolve({"method": {"name": "augpe"}, "privacy": {"epsilon": epsilon, "delta": delta}}, sections)
    found = {release.sigma for release in augpe_budget(plan, tiny).releases}
    assert len(found) == 1, "all votes have the same noise"
    return found.pop()


@pytest.mark.parametrize("data", PUBLISHED)
@pytest.mark.parametrize("epsilon", [1, 2, 4])
def test_the_noise_is_what_its_authors_publish_where_theirs_keeps_the_budget(
    tiny: Pack, data: str, epsilon: int
) -> None:
    """Theirs is on a grid of 0.01, and above ours by no more than a step and a quarter."""
    n, sigmas = PUBLISHED[data]
    assert 0 < sigmas[epsilon] - sigma_of(tiny, epsilon, delta_of(n)) < 0.0125
    assert epsilon_of(math.sqrt(10) / sigmas[epsilon], delta_of(n)) < epsilon


@pytest.mark.parametrize("epsilon", [1, 2, 4])
def test_the_noise_that_is_published_for_yelp_is_too_small(tiny: Pack, epsilon: int) -> None:
    """Its search stops at the first step that breaks the budget."""
    n, sigmas = YELP
    spent = epsilon_of(math.sqrt(10) / sigmas[epsilon], delta_of(n))
    assert spent == pytest.approx(SPENT_BY_YELP[epsilon], abs=1e-6)
    assert spent > epsilon
    assert sigma_of(tiny, epsilon, delta_of(n)) > sigmas[epsilon]


@pytest.mark.parametrize("delta", ["1e-5", "1e-6", "1/(n ln n);n=10000"])
@pytest.mark.parametrize("iterations", [1, 5, 10, 20])
def test_the_noise_is_that_of_the_golden_file(tiny: Pack, delta: str, iterations: int) -> None:
    golden = json.loads(GOLDEN.read_text())
    for epsilon, by_iterations in golden["z_star"][delta].items():
        sigma = sigma_of(tiny, float(epsilon), golden["delta"][delta], iterations)
        assert sigma == pytest.approx(by_iterations[str(iterations)], rel=1e-5)


def test_more_votes_of_a_record_more_rows_of_a_user_and_replaced_ones_need_more_noise(tiny: Pack) -> None:
    alone = sigma_of(tiny, 2, 1e-6)
    assert sigma_of(tiny, 2, 1e-6, augpe={"neighbours": 4}) == pytest.approx(2 * alone, rel=1e-5)
    users: dict[str, Any] = {"data": {"user": "who"}, "privacy": {"max_records_per_user": 3}}
    assert sigma_of(tiny, 2, 1e-6, **users) == pytest.approx(3 * alone, rel=1e-5)
    replaced: dict[str, Any] = {"privacy": {"adjacency": "replace_one", "n_public": 900}}
    assert sigma_of(tiny, 2, 1e-6, **replaced) == pytest.approx(math.sqrt(2) * alone, rel=1e-5)


@pytest.mark.parametrize("iterations", [1, 4])
def test_private_data_are_asked_for_votes_once_in_each_iteration_and_for_nothing_else(
    lab: Lab, iterations: int
) -> None:
    run = lab.run(plan_of(lab, iterations=iterations, neighbours=2))
    asked = run.ledger["mechanisms"]
    names = [f"votes[{i}]" for i in range(iterations)] if iterations > 1 else ["votes"]
    assert [line["stage"] for line in asked] == names
    assert {line["sens"]["rule"] for line in asked} == {"S4_k_votes"}
    assert run.ledger["claim"]["epsilon"] == 4.0
    assert len(run.texts) == len(set(run.texts)) == 20


@pytest.mark.parametrize(
    "augpe", [{}, {"lookahead": 2}, {"iterations": 1}, {"prompt": "fill_in_the_blanks"}], ids=str
)
def test_a_preview_counts_the_calls_that_a_run_makes(lab: Lab, augpe: dict[str, Any]) -> None:
    writer, plan = FakeWriter(unlike), plan_of(lab, **augpe)
    shown, run = api.preview(plan), lab.run(plan, writer=writer)
    assert len(writer.requests) == shown.llm_calls
    assert {s.stage: s.noise for s in shown.stages} == {
        m["stage"]: m["sigma"] for m in run.ledger["mechanisms"]
    }
    assert (shown.cells, shown.people) == (0, None)
    assert "differential privacy, end to end" in shown.claim


@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_run_never_asks_for_more_than_the_preview_says_at_the_most(lab: Lab, lookahead: int) -> None:
    """Every second text fails, and each one that lost its place is asked for again."""
    writer = FakeWriter(unlike, fails=lambda request: request.seed % 2 == 0 and len(writer.requests) > 16)
    plan = plan_of(lab, lookahead=lookahead)
    lab.run(plan, writer=writer)
    (requests,) = [line for line in api.preview(plan).forecasts if line.what == "requests"]
    assert requests.at_most is not None
    assert len(writer.requests) <= requests.at_most


@pytest.mark.parametrize("selection", ["rank", "sample"])
@pytest.mark.parametrize("prompt", ["paraphrase", "fill_in_the_blanks"])
def test_anybody_can_make_the_release_again(lab: Lab, selection: str, prompt: str) -> None:
    plan = plan_of(lab, selection=selection, prompt=prompt, lookahead=1, threshold=1.0)
    run = rpsg.run(plan, lab.folder / "run")
    assert [check for check in rpsg.verify(run.release).checks if not check.ok] == []


@pytest.mark.parametrize("augpe", [{"variations": 2, "iterations": 1}, {"lookahead": 2}])
def test_a_small_run_verifies_though_it_wrote_less_than_strict_mode_would(
    lab: Lab, augpe: dict[str, int]
) -> None:
    run = rpsg.run(plan_of(lab, **augpe), lab.folder / "run")
    assert rpsg.verify(run.release).ok


def test_the_plan_of_a_release_tells_the_settings_of_augpe_and_none_that_it_does_not_read(lab: Lab) -> None:
    run = lab.run(plan_of(lab))
    told = (run.release / "evidence" / "plan.toml").read_text()
    assert "[augpe]\niterations = 3\nvariations = 3\nlookahead = 0\n" in told
    assert not {"[paper]", "[split]", "oversample", "rounds", "hub_correction"} & set(
        told.replace(" = ", "\n").split("\n")
    )


def test_nobody_but_the_embedder_and_the_votes_sees_a_private_text(lab: Lab) -> None:
    seen = {flow.stage: flow.sees for flow in api.preview(plan_of(lab)).flows}
    assert "sentiment" not in seen
    assert [role for role, sees in seen.items() if "private" in sees] == ["embedder", "mechanisms"]


def unlike(request: Request) -> str:
    """Words that have nothing to do with the request, so that no text is an echo of it."""
    return " ".join(random.Random(request.seed).choices(UNLIKE, k=14)) + "."


UNLIKE = [
    f"{a}{b}" for a in ("ka", "lo", "mi", "pu", "re", "ti") for b in ("ran", "sel", "tov", "wim", "zug")
]


def evolving(words: tuple[str, ...]) -> FakeWriter:
    """Random texts, and variations that keep seven of ten words of their text."""

    def answer(request: Request) -> str:
        draw = random.Random(request.seed)
        if not request.messages[-1].content.startswith("Style:"):
            return " ".join(draw.choices(words, k=14))
        return " ".join(
            draw.choice(words) if draw.random() < 0.3 else w for w in request.messages[-2].content.split()
        )

    return FakeWriter(answer)


def alike(lab: Lab, run: Run) -> float:
    """The share of words in the texts that private texts are made of; half of all words are."""
    words = [word for text in run.texts for word in text.split()]
    return sum(word in lab.apple for word in words) / len(words)


@pytest.mark.parametrize("selection", ["rank", "sample"])
def test_texts_come_nearer_to_the_private_ones_with_every_round_of_votes(lab: Lab, selection: str) -> None:
    found = []
    for iterations in (1, 3, 12):
        privacy = {"privacy": {"epsilon": 12.0, "lifetime_epsilon": 99.0}}
        plan = plan_of(lab, 600, privacy, iterations=iterations, variations=4, selection=selection)
        writer, noise = evolving((*lab.apple, *lab.zebra)), SeededNoise(1)
        found.append(alike(lab, lab.run(plan, f"run-{iterations}", writer=writer, noise=noise)))
    assert 0.5 < found[0] + 0.05 < found[1] < found[2], found


def test_without_declared_labels_there_is_no_vote_within_them(lab: Lab) -> None:
    with pytest.raises(UsageError, match="does not declare the values") as caught:
        api.preview(plan_of(lab, more={"data": {"label": "label"}}))
    assert "--labels" in caught.value.hint


def test_the_votes_of_a_label_decide_its_share_of_the_release(lab: Lab) -> None:
    """Three drinks to one food, in the data; nothing but votes asks for that."""
    rows = [{**row, "label": "food" if i % 4 == 0 else "drink"} for i, row in enumerate(lab.rows(600))]
    plan = lab.plan(
        lab.file(rows),
        method={"name": "augpe"},
        augpe={"iterations": 3, "variations": 3},
        data={"label": "label", "labels": ("food", "drink")},
        privacy={"epsilon": 8.0},
    )
    run = lab.run(plan)
    shares = Counter(record["label"] for record in run.records)
    assert 12 <= shares["drink"] <= 18
    assert shares["drink"] + shares["food"] == 20


def test_a_writer_that_varies_nothing_leaves_the_random_texts(lab: Lab) -> None:
    def answer(request: Request) -> str:
        return "No." if request.messages[-1].content.startswith("Style:") else unlike(request)

    writer = FakeWriter(answer)
    run = lab.run(plan_of(lab), writer=writer)
    assert sorted(run.texts) == sorted(unlike(request) for request in writer.requests[8:28])


def test_random_texts_that_cannot_be_used_are_replaced(lab: Lab) -> None:
    """Half of the first twenty are too short: ten more are asked for, of which all are usable."""
    answered: list[str] = []

    def answer(request: Request) -> str:
        answered.append("No." if 8 <= len(answered) < 28 and len(answered) % 2 else unlike(request))
        return answered[-1]

    writer = FakeWriter(answer)
    lab.run(plan_of(lab, iterations=1), writer=writer)
    varied = [request.messages[-1].content.startswith("Style:") for request in writer.requests]
    assert varied == [False] * (8 + 20 + 10) + [True] * 40


def test_a_writer_that_writes_nothing_after_the_trial_spends_nothing(lab: Lab) -> None:
    writer = FakeWriter(lambda request: unlike(request) if len(writer.requests) <= 8 else "No.")
    with pytest.raises(ModelError, match="nothing to vote for"):
        lab.run(plan_of(lab), writer=writer)
    assert list((lab.folder / "run" / "evidence").glob("release-*")) == []


def test_a_run_that_was_stopped_between_two_votes_asks_no_vote_twice(lab: Lab) -> None:
    with pytest.raises(LimitError):
        lab.run(plan_of(lab, more={"limits": {"requests": 100}}))
    evidence = lab.folder / "run" / "evidence"
    before = {file.name: file.read_bytes() for file in evidence.glob("release-*")}
    assert 0 < len(before) < 3
    run = lab.run(plan_of(lab))
    assert len(list(evidence.glob("release-*"))) == 3
    assert {name: (evidence / name).read_bytes() for name in before} == before
    assert len(run.texts) == 20


def test_few_people_get_a_release_and_a_preview_that_says_what_it_is_worth(lab: Lab) -> None:
    plan = plan_of(lab, 10, {"privacy": {"epsilon": 0.5}})
    assert any(
        "the noise outweighs what the private texts say" in line for line in api.preview(plan).warnings
    )
    assert not any("--n-public" in line for line in api.preview(plan).warnings)
    assert len(lab.run(plan).texts) == 20


@pytest.mark.weights
@pytest.mark.slow
def test_gemma_varies_texts(lab: Lab, pulled_models: Path) -> None:
    from rpsg.models.download import is_present, locate
    from rpsg.models.llamacpp.writer import LlamaCppWriter

    name = "gemma-3-270m"
    if not is_present(name, pulled_models):
        pytest.skip(f"needs Gemma's weights, whose terms you accept with: make weights ACCEPT={name}")
    pytest.importorskip("xllamacpp", reason="needs the extra local")
    writer = LlamaCppWriter(locate(name, pulled_models))
    try:
        plan = plan_of(lab, 60, {"corpus": {"size": 3}}, iterations=1, variations=3)
        run = lab.run(plan, writer=writer)
    finally:
        writer.close()
    assert 0 < len(run.texts) <= 3
    replies = (run.release / "evidence" / "texts.jsonl").read_text().splitlines()
    assert 8 + 3 + 6 <= len(replies) <= 8 + 9 + 8
