"""The privacy figures in the documents are those that the program computes."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from rpsg.domains import find_pack
from rpsg.methods.budget import strict_budget
from rpsg.plan import resolve
from rpsg.privacy.gaussian import attack_success, epsilon_of, mu_for
from rpsg.stages.noisy_choice import NominalEpsilon, choice_sigma

ROOT = Path(__file__).parents[2]
CLAIM = (ROOT / "docs" / "privacy-claim.md").read_text(encoding="utf-8")
STRICT = (ROOT / "docs" / "strict-mode.md").read_text(encoding="utf-8")
CLAIM_SENTENCES, STRICT_SENTENCES = (" ".join(page.split()) for page in (CLAIM, STRICT))
README = (ROOT / "README.md").read_text(encoding="utf-8")
DELTA = 1e-6
ATTACKS = re.findall(r"^\| ([\d.]+) \| (0\.\d+) \| ([\d.]+) % \|$", CLAIM, re.MULTILINE)


def test_there_is_a_table_of_attacks() -> None:
    assert [epsilon for epsilon, _, _ in ATTACKS] == ["0.5", "1", "2", "4", "8"]


@pytest.mark.parametrize(("epsilon", "auc", "members"), ATTACKS)
def test_what_an_epsilon_means_is_computed(epsilon: str, auc: str, members: str) -> None:
    bound = attack_success(mu_for(float(epsilon), DELTA))
    assert float(auc) == pytest.approx(bound.auc, abs=6e-4)
    assert float(members) == pytest.approx(100 * bound.tpr_at_fpr_1_percent, abs=0.06)


def test_the_readme_never_promises_more_than_the_bound() -> None:
    promised = re.search(r"AUC of at most (0\.\d+)", README)
    assert promised is not None
    bound = attack_success(mu_for(2, DELTA)).auc
    assert bound <= float(promised[1]) <= bound + 1e-3


def test_group_figures_are_computed() -> None:
    told = re.search(
        r"it is ([\d.]+) for two people, ([\d.]+) for three, ([\d.]+) for five and ([\d.]+) for ten",
        CLAIM_SENTENCES,
    )
    assert told is not None
    mu = mu_for(2, DELTA)
    for group, epsilon in zip((2, 3, 5, 10), told.groups(), strict=True):
        assert float(epsilon) == pytest.approx(epsilon_of(group * mu, DELTA), rel=5e-3)


def published_sigma(nominal: str) -> float:
    return choice_sigma(NominalEpsilon(float(nominal)), 1000, 5, "paper")


def test_what_the_paper_s_noise_of_a_choice_gives_is_computed() -> None:
    told = re.search(
        r"the published ε of (\d), (\d), (\d) and (\d) is really ([\d.]+), ([\d.]+), ([\d.]+) and (\d+),",
        CLAIM_SENTENCES,
    )
    assert told is not None
    delta = 1 / (1000 * log(1000))
    for nominal, epsilon in zip(told.groups()[:4], told.groups()[4:], strict=True):
        real = epsilon_of(sqrt(5) / published_sigma(nominal), delta)
        assert float(epsilon) == pytest.approx(real, abs=0.06 if real < 10 else 0.5)


def test_how_often_the_best_of_five_summaries_is_taken_is_computed() -> None:
    told = re.findall(r"([\d.]+) at ε = (\d)", CLAIM_SENTENCES)
    assert [nominal for _, nominal in told] == ["1", "2", "4"]
    grid = np.linspace(-60, 60, 24_001)
    for chance, nominal in told:
        sigma = published_sigma(nominal)
        below = [norm.cdf(grid, score, sigma) for score in (0, 0.25, 0.5, 0.75)]
        taken = np.trapezoid(norm.pdf(grid, 1, sigma) * np.prod(below, axis=0), grid)
        assert float(chance) == pytest.approx(float(taken), abs=6e-3)


def test_the_noise_of_strict_mode_is_computed() -> None:
    told = re.search(
        r"\u03c3 = ([\d.]+) for the number of people and ([\d.]+) for the cards .*?"
        r"For the sketch \u03c3 is ([\d.]+) times the largest length of a person's vector",
        STRICT_SENTENCES,
    )
    assert told is not None
    pack = find_pack("food-reviews")
    budget = strict_budget(resolve({"privacy": {"epsilon": 2.0}}), pack)
    assert [r.stage for r in budget.releases] == ["size", "cards", "sketch"]
    for sigma, release in zip(told.groups(), budget.releases, strict=True):
        whole = release.w if release.stage == "sketch" else 1
        assert float(sigma) == pytest.approx(release.sigma / whole, abs=6e-3)


@pytest.mark.parametrize(
    "name",
    [
        *(f"people-{of}" for of in ("food-reviews", "abstracts", "dialogues", "1000-texts", "diversity")),
    ],
)
def test_the_table_of_people_is_that_of_its_result_file(name: str) -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        people = import_module("people")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    result = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    assert people.table(result["seeds"]) in (ROOT / "docs" / "benchmarks.md").read_text("utf-8")


def test_the_table_of_columns_and_topics_is_that_of_its_result_file() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "column-topics.json").read_text("utf-8"))
    shown = ("joint", "joint_apart", "product", "product_apart")
    rows = [
        f"| {line['people']:,} | {' | '.join(f'{line[name]:.2f}'[1:] for name in shown)} |"
        for line in result["lines"]
    ]
    assert len(rows) == 5
    assert "\n".join(rows) in (ROOT / "docs" / "tickets.md").read_text("utf-8")


def test_the_tables_and_distances_of_the_tickets_are_those_of_their_result_file() -> None:
    page = " ".join((ROOT / "docs" / "tickets.md").read_text("utf-8").split())
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        tickets = import_module("tickets")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    product, opened = json.loads((ROOT / "benchmarks" / "results" / "tickets.json").read_text("utf-8"))
    assert " ".join(tickets.table(product).split()) in page
    assert f" = {product['sigma']} on each count" in page
    for found, name in ((product, "`priority` with `product`"), (opened, "`opened` with `priority`")):
        within = f"{found['within_noise']} of {len(found['rows'])}"
        texts, noisy = f"{found['distance_of_texts']:.2f}", f"{found['distance_of_noisy_counts']:.2f}"
        assert f"| {name} | {within} | {found['largest_difference']} | {texts} | {noisy} |" in page
