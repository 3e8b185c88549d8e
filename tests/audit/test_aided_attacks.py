"""The attacks that need an aid: models of this machine, or the pipeline itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.audit import audit
from rpsg.audit.aids import Aids, aids_of
from rpsg.audit.attacks import ATTACKS, NEEDS
from rpsg.audit.control import with_words_dropped
from rpsg.audit.finding import not_run
from rpsg.audit.run import audit_subject, find_attacks, level_of
from rpsg.audit.shadow import SHADOWS, halves
from rpsg.audit.subject import NotRunError, subject_of
from rpsg.errors import UsageError
from rpsg.models.fake import FakeEmbedder
from rpsg.models.pii import PresidioRecognizer
from rpsg.pipeline.progress import may_show_time
from rpsg.protocols import Silent, Span
from rpsg.stages.canaries import make_canaries
from rpsg.testing.laws import AttackLaws
from rpsg.testing.planted import WORDS, subject, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rpsg.audit.finding import Attack, Finding
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Endpoint, Recognizer

NAMED = "Mara Kellen", "Tobin Ashgrove"


def copying(given: Sequence[str], owner: Any, number: int) -> Sequence[str]:
    """A pipeline that leaks all: its corpus is the texts that it was given."""
    return given


def forgetful(given: Sequence[str], owner: Any, number: int) -> Sequence[str]:
    """A pipeline that never looks at what it was given."""
    return texts(100, 10_000 + number)


class Capitals:
    """Names are two words in a row that begin with capitals."""

    name = "capitals"
    endpoint: Endpoint = "local_model"

    def find(self, given: Sequence[str]) -> list[list[Span]]:
        shape = re.compile(r"\b[A-Z]\w+ [A-Z]\w+")
        return [[Span(m.start(), m.end(), "person") for m in shape.finditer(text)] for text in given]


def with_aids(name: str, aids: Aids) -> Attack:
    """The attack as the law asks it, with its aid in the subject."""
    attack = find_attacks([name])[name]

    def aided(case: Subject) -> Finding:
        return attack(replace(case, aids=aids))

    return aided


AIDED = {
    "closest": Aids(embedder=FakeEmbedder()),
    "closest-ratio": Aids(embedder=FakeEmbedder()),
    "lira-shadow": Aids(pipeline=copying),
}


class TestTheLawOfAttacksWithAids(AttackLaws):
    @pytest.fixture(params=AIDED)
    def attack(self, request: pytest.FixtureRequest) -> Attack:
        return with_aids(request.param, AIDED[request.param])


class TestTheLawWhereThePipelineKeepsNothing(AttackLaws):
    """Even beside a pipeline that leaks nothing the attack sees a corpus that does."""

    @pytest.fixture
    def attack(self) -> Attack:
        return with_aids("lira-shadow", Aids(pipeline=forgetful))


@dataclass
class Signed:
    """The subject of the law, each of whose authors has signed with a name of their own."""

    attack: Attack
    names: list[str] = field(default_factory=list)

    def __call__(self, case: Subject) -> Finding:
        first = ("Ada", "Bela", "Cleo", "Dora", "Egon", "Fritz", "Gita", "Hugo", "Ines", "Jorn")
        second = [
            f"{a}{b}" for a in ("Ash", "Brook", "Cliff", "Dale", "Elm") for b in ("ton", "ley", "by", "wick")
        ]
        signs = [f"{a} {b}" for b in second for a in first]
        own = dict(zip(case.texts, signs, strict=False))
        public = {text: f"Nobody Known{k}" for k, text in enumerate(case.synthetic)}
        return self.attack(
            replace(
                case,
                texts=tuple(f"{text} {own[text]}" for text in case.texts),
                synthetic=tuple(f"{text} {own.get(text, public[text])}" for text in case.synthetic),
                aids=Aids(recogniser=Capitals()),
            )
        )


class TestTheLawOfNames(AttackLaws):
    @pytest.fixture
    def attack(self) -> Attack:
        return Signed(find_attacks(["names"])["names"])


def signed_subject(leaked: int, recogniser: Recognizer) -> Subject:
    """A hundred people on each side; all members but none held out whose name the corpus tells."""
    rows = texts(260, 11)
    members = [f"{text} I am Person{i} Ofhere." for i, text in enumerate(rows[:100])]
    others = [f"{text} I am Person{i} Ofthere." for i, text in enumerate(rows[100:200])]
    corpus = [f"{text} So says Person{i} Ofhere." for i, text in enumerate(rows[200 : 200 + leaked])]
    corpus += ["Jane Nobody wrote this.", "PERSON3 Ofthere did."]
    return subject_of(corpus, members, others, aids=Aids(recogniser=recogniser))


def test_names_are_told_apart_by_whose_they_are() -> None:
    found = find_attacks(["names"])["names"](signed_subject(40, Capitals()))
    counts = found.details["identifiers in the corpus"]
    assert counts == {"members": 40, "held out": 1, "both": 0, "public": 0, "invented": 1}
    assert found.verdict == "refuted"


def test_a_name_that_two_people_write_points_to_neither() -> None:
    rows = texts(200, 12)
    members = [f"{rows[0]} {NAMED[0]}", *rows[1:100]]
    others = [f"{rows[100]} {NAMED[0]}", f"{rows[101]} Dr. {NAMED[1]}", *rows[102:]]
    case = subject_of([f"{NAMED[0]} and {NAMED[1]} met."], members, others, aids=Aids(recogniser=Capitals()))
    found = find_attacks(["names"])["names"](case)
    assert found.details["identifiers in the corpus"]["both"] == 1
    assert found.guesses == 1
    assert found.right == 0


def test_a_title_is_no_part_of_a_name() -> None:
    class All(Capitals):
        def find(self, given: Sequence[str]) -> list[list[Span]]:
            return [[Span(0, len(text), "person")] for text in given]

    rows = texts(60, 13)
    case = subject_of(["Dr Mara Kellen"], ["Mara Kellen", *rows[:29]], rows[29:], aids=Aids(recogniser=All()))
    assert find_attacks(["names"])["names"](case).details["identifiers in the corpus"]["members"] == 1


def test_presidio_finds_the_names_with_a_pipeline_of_spacy(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="the extra pii is not installed")
    pytest.importorskip("presidio_analyzer", reason="the extra pii is not installed")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": [{"TEXT": {"REGEX": "^Person"}}, {"TEXT": {"REGEX": "^Of"}}]}]
    )
    pipeline.to_disk(tmp_path / "names")
    recogniser = PresidioRecognizer(str(tmp_path / "names"))
    found = find_attacks(["names"])["names"](signed_subject(40, recogniser))
    assert found.details["identifiers in the corpus"]["members"] == 40
    assert found.verdict == "refuted"


def test_everybody_is_in_half_of_the_shadows() -> None:
    chosen = np.stack(halves(31, 5))
    assert chosen.shape == (SHADOWS, 31)
    assert (chosen.sum(axis=0) == SHADOWS // 2).all()
    assert len(np.unique(chosen, axis=0)) == SHADOWS


def test_a_pipeline_is_given_all_texts_of_a_person_or_none() -> None:
    asked = []

    def noted(given: Sequence[str], owner: Any, number: int) -> Sequence[str]:
        asked.append((list(given), owner.tolist(), number))
        return given

    rows = texts(240, 5)
    people = [str(i // 3) for i in range(120)], [str(100 + i // 3) for i in range(120)]
    case = subject_of(
        texts(50, 6),
        rows[:120],
        rows[120:],
        member_units=people[0],
        nonmember_units=people[1],
        aids=Aids(pipeline=noted),
    )
    find_attacks(["lira-shadow"])["lira-shadow"](case)
    assert [number for _, _, number in asked] == list(range(SHADOWS))
    for given, owner, _ in asked:
        assert len(set(owner)) == 40
        assert given == [t for t, o in zip(case.texts, case.owner.tolist(), strict=True) if o in set(owner)]


def test_the_pipeline_runs_once_for_the_corpus_and_its_controls() -> None:
    asked = []

    def counted(given: Sequence[str], owner: Any, number: int) -> Sequence[str]:
        asked.append(number)
        return given

    rows = texts(260, 7)
    made = audit(rows[200:], rows[:100], rows[100:200], aids=Aids(pipeline=counted), attacks=["lira-shadow"])
    assert len(asked) == SHADOWS
    assert made.controls["fitted on members"][0].outcome == "caught"


def test_a_pipeline_that_makes_nothing_is_a_reason_and_no_error() -> None:
    case = subject(aids=Aids(pipeline=lambda given, owner, number: []))
    with pytest.raises(NotRunError, match="made no texts"):
        find_attacks(["lira-shadow"])["lira-shadow"](case)


def dropping(given: Sequence[str], owner: Any, number: int) -> Sequence[str]:
    """A pipeline that keeps half of the words of each text."""
    draw = np.random.default_rng(number)
    return [with_words_dropped(text, draw, 0.5) for text in given]


def test_the_shadows_see_what_likelihood_alone_does_not() -> None:
    """Every second person writes common words alone: how likely a text is tells that, and not who is in."""
    rare, common = texts(160, 16), texts(160, 17, WORDS[:40])
    rows = [text for pair in zip(rare, common, strict=True) for text in pair]
    corpus = dropping(rows[:150], None, 99)
    case = subject_of(corpus, rows[:150], rows[150:300], aids=Aids(pipeline=dropping))
    shadow, plain = (find_attacks([name])[name](case) for name in ("lira-shadow", "ppl"))
    assert (shadow.auc or 0) > (plain.auc or 0) + 0.1
    assert (shadow.epsilon_lower or 0) > (plain.epsilon_lower or 0)


def test_a_text_that_two_synthetic_texts_copy_is_at_no_distance_and_no_ratio() -> None:
    rows = texts(160, 14)
    case = subject_of([rows[0], rows[0], *rows[140:]], rows[:60], rows[60:120], aids=AIDED["closest"])
    found = find_attacks(["closest"])["closest"](case)
    assert (case.row[found.matches[0].private], found.matches[0].similarity) == (0, 1.0)
    ratio = find_attacks(["closest-ratio"])["closest-ratio"](case)
    assert ratio.verdict != "not run"


def test_distances_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    from rpsg.audit import embedding

    monkeypatch.setattr(embedding, "AT_ONCE", 100)
    monkeypatch.setattr(embedding, "BLOCK", 7)
    case = subject(people=40, size=30, leak=5, aids=AIDED["closest"])
    found, place = embedding._two_nearest(case)
    own, other = (FakeEmbedder().embed(list(given)) for given in (case.texts, case.synthetic))
    everything = np.sort(np.linalg.norm(own[:, None] - other[None], axis=2), axis=1)
    assert found == pytest.approx(everything[:, :2], abs=4e-3)
    leaked = np.argsort(case.row)[:5]
    assert place[leaked].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "name", [name for name, need in NEEDS.items() if need not in {"canaries", "answers"}]
)
def test_an_attack_without_its_aid_says_so(name: str) -> None:
    with pytest.raises(NotRunError, match=r"This attack needs an? .*: `aids`\.$"):
        find_attacks([name])[name](subject())


def test_attacks_that_lack_their_aid_cost_the_others_nothing() -> None:
    assert level_of(ATTACKS, frozenset()) == 0.05 / (len(ATTACKS) - len(NEEDS))
    assert level_of(ATTACKS, {"embedder"}) == 0.05 / (len(ATTACKS) - len(NEEDS) + 2)
    assert level_of(ATTACKS, set(NEEDS.values())) == 0.05 / len(ATTACKS)


def test_no_private_text_is_sent_to_a_model_elsewhere() -> None:
    class Elsewhere(FakeEmbedder):
        endpoint: Endpoint = "remote_llm"

    with pytest.raises(UsageError, match="never sends private texts"):
        Aids(embedder=Elsewhere())


def test_aids_are_found_by_their_names() -> None:
    found = aids_of(embedder="fake", recogniser="patterns", pipeline=copying)
    assert found.given == {"embedder", "recogniser", "pipeline"}
    assert aids_of().given == frozenset()
    with pytest.raises(UsageError, match="no embedder 'magic'"):
        aids_of(embedder="magic")


def test_a_tiny_transformer_is_fine_tuned_on_the_corpus_and_finds_it(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra hf is not installed")
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    from tests.models.local.tiny import causal_folder

    from rpsg.models.transformers.last_layers import LastLayers

    trainer = LastLayers(causal_folder(tmp_path / "tiny"), rate=1e-2)
    rows = [" ".join(text.split()[:6]) for text in texts(200, 15)]
    case = subject_of(rows[:30], rows[:30], rows[100:130], aids=Aids(surrogate=trainer))
    found = find_attacks(["tuned"])["tuned"](case)
    assert found.auc is not None
    assert found.auc > 0.8
    nothing = find_attacks(["tuned"])["tuned"](replace(case, synthetic=tuple(rows[150:180])))
    assert nothing.epsilon_lower == 0.0


class Learner(FakeEmbedder):
    """Learns nothing, in two steps; ``given`` is what it was given."""

    given: list[list[str]]

    def train(self, texts: Sequence[str], seed: int, told: Callable[[float], object]) -> Learner:
        self.given.append(list(texts))
        told(0.5)
        told(1.0)
        return self

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return [[-1.0] for _ in texts]


class Heard(Silent):
    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.steps: list[int] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.stages.append((stage, total))

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.steps.append(n)


def test_the_time_of_tuning_is_shown_for_a_corpus_that_is_published_alone() -> None:
    learner, heard = Learner(), Heard()
    learner.given = []
    case = replace(subject(reference=150, size=20, aids=Aids(surrogate=learner)), progress=heard)
    planted = make_canaries(40, texts(60, 40))
    for each in (case, case.with_synthetic(case.texts[:40]), replace(case, canaries=planted)):
        find_attacks(["tuned"])["tuned"](each)
    tuning = [may_show_time(stage) for stage, _ in heard.stages if "tune a model" in stage]
    assert tuning == [True, True, False, False]  # the reference, once, and the three corpora
    assert not any(may_show_time(stage) for stage, _ in heard.stages if "ask" in stage)
    assert {total for _, total in heard.stages} == {100}, "no number of texts"
    assert heard.steps == [10] * 10 * len(heard.stages), "no steps whose size follows from the texts"
    assert [len(given) for given in learner.given] == [20, 20, 40, 20]
    assert set(learner.given[0]) <= set(case.reference)


def test_a_stage_is_done_only_when_its_attacks_are() -> None:
    """A stage that starts ends the one before, so attacks with stages of their own must come last."""
    heard, during = Heard(), list[tuple[str, str]]()

    class Noted(Learner):
        def train(self, texts: Sequence[str], seed: int, told: Callable[[float], object]) -> Learner:
            during.append(("tuned", heard.stages[-1][0]))
            return super().train(texts, seed, told)

    def pipeline(texts: Sequence[str], owner: object, number: int) -> Sequence[str]:
        during.append(("lira-shadow", heard.stages[-1][0]))
        return texts

    def quick(_: Subject) -> Finding:
        during.append(("quick", heard.stages[-1][0]))
        return not_run("quick", "only to be asked")

    learner = Noted()
    learner.given = []
    case = subject(people=40, size=20, aids=Aids(surrogate=learner, pipeline=pipeline))
    own = find_attacks(["tuned", "lira-shadow"])
    report = audit_subject(case, {"tuned": own["tuned"], "quick": quick, **own}, heard)
    assert [found.name for found in report.findings] == ["tuned", "quick", "lira-shadow"]
    stages = dict[str, list[str]]()
    for name, stage in during:
        stages.setdefault(name, []).append(stage)
    without = ", without lira-shadow and tuned"
    assert stages["quick"] == [
        f"attack the corpus{without}",
        *(f"attack a planted leak, {number} of 2{without}" for number in (1, 2)),
    ]
    assert set(stages["lira-shadow"]) == {"lira-shadow: run the plan again"}
    assert all(stage.startswith("tuned: ") for stage in stages["tuned"])
    assert heard.stages[-1] == ("decide on a verdict", None)
