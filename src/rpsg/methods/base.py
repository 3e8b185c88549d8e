"""What a method is, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import UsageError
from rpsg.machine.processes import HERE
from rpsg.methods.languages import check_language
from rpsg.privacy.egress import NOWHERE, PUBLIC, STRICT, check_spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpsg.domains import Pack
    from rpsg.engines.base import Engine
    from rpsg.machine.processes import Processes
    from rpsg.models.transformers.dp_training import Trainer
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.egress import EgressRule
    from rpsg.privacy.facts import ClaimType, UnprotectedFlow
    from rpsg.privacy.released import Releases
    from rpsg.privacy.replay import ReplayKernel
    from rpsg.privacy.unprotected_reads import UnprotectedReads
    from rpsg.protocols import (
        Classifier,
        Embedder,
        LogitSource,
        NoiseSource,
        Progress,
        Reads,
        Recognizer,
        Scorer,
        Writer,
    )
    from rpsg.records import Pool
    from rpsg.stages.abstraction import Summarizer
    from rpsg.stages.contributions import People
    from rpsg.stages.surrogate import SurrogateTrainer
    from rpsg.storage.checkpoints import StageCheckpoints


def _keep_nothing(file: str, facts: Mapping[str, Any]) -> None: ...


#: Settings of writing drafts from cards and choosing among them; other methods do not read them.
OF_DRAFTS = frozenset(
    f"method.{name}"
    for name in (
        *("select", "diversity", "rounds", "oversample", "votes_per_record"),
        *("hub_correction", "uniform_mix", "phrases_per_record"),
    )
)


@dataclass(frozen=True, slots=True)
class Tools:
    """The models of a run. Those after the scorer are for methods that read private texts.

    Fields have the names of these roles in plans and ledgers, which spell recogniser and summariser with s.
    """

    writer: Writer
    embedder: Embedder
    sentiment: Classifier
    scorer: Scorer | None = None
    recogniser: Recognizer | None = None
    summariser: Summarizer | None = None
    surrogate: SurrogateTrainer | None = None
    trainer: Trainer | None = None
    logits: LogitSource | None = None


@dataclass(frozen=True, slots=True)
class Seeding:
    """What a method with private seeds also gets: unprotected reads of the people who give seeds, checkpoints
    of its stages, and the source of noise for its choices. ``keep`` writes facts for the operator, as JSON,
    into a file of the private folder.

    """

    unprotected: UnprotectedReads
    checkpoints: StageCheckpoints
    noise: NoiseSource
    keep: Callable[[str, Mapping[str, Any]], None] = _keep_nothing


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as a method sees it. ``key`` orders a person's own rows and phrases; it is secret.

    ``engine`` adds up what people contribute; None: this process, with everybody in one part. Steps that read
    only public texts may be divided among ``processes``.
    """

    plan: Plan
    pack: Pack
    budget: Budget | None
    people: People
    kernel: Releases
    tools: Tools
    progress: Progress
    key: bytes = b""
    seeding: Seeding | None = None
    engine: Engine | None = None
    processes: Processes = HERE


@dataclass(frozen=True, slots=True)
class Workload:
    """How much a run asks of its writer to write ``candidates`` texts to choose from.

    A prefix that many prompts share counts once in ``computed_prompt``. ``most_tokens`` bounds the tokens of
    prompts and completions; None if there is no public bound.
    """

    candidates: int
    requests: int
    prompt: int
    computed_prompt: int
    completion: int
    most_requests: int
    most_tokens: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to make a synthetic corpus, with all that the rest of RPSG has to know about it.

    ``reads`` decides what the method is given and what its release may claim. It has no default: a method
    that does not say what it reads is refused.

        nothing          only public inputs; it is given neither the data nor their path
        noisy_answers    only the kernel's noisy answers; the release claims differential privacy
        donors           records of donors as seeds, and noisy answers about everybody else, the voters
        records          private texts; the release claims nothing

    Attributes:
        name: what is typed after ``--method``.
        about: one line about it.
        reads: one of the four words above.
        synthesize: the method itself.
        budget: what a run spends; exactly the methods that get noisy answers have one.
        sections: sections of the plan that this method reads and most others do not: "paper", "split",
            "augpe", "dpsgd", "rupta".
        untold: settings ("section.key") that it does not read, so that its releases leave them out.
        columns: whether it counts the columns beside the text and releases them. For any other method a plan
            with columns is refused.
        check: raises UsageError for a plan that asks for something this method cannot do; see ``check_plan``.
        embeds: whether it embeds all private texts before it reads them in any other way, so that
            `rpsg embed` can do this before the run.
        shards: whether it asks the private data only for sums (``rpsg.engines``), so that these can be
            counted in parts. For any other method a plan with shards is refused.
        models: how to make the models it needs besides embedder, sentiment and scorer, by the names of
            ``Tools``; a writer among them replaces the plan's.
        packages: the modules of optional packages that it imports besides those of the plan's models, each
            with the extra that installs it.
        tries_writer: whether the writer is tested on public prompts before anything private is read.
        trial: how it is tested, if not with the prompts of strict mode or, for a method with seeds, the
            paper's.
        egress: which model is sent what, and whether it must be on this machine. By default, a method that
            reads nothing may send its public prompts anywhere; one that gets noisy answers may send prompts
            that are made from these answers; and any other may send nothing.
        noiseless: for a method that reads records: whether no noise is added under this plan, so that its
            epsilon is infinite. None: some noise is always added, or there is no epsilon at all.
        sentiments_only: whether its sentiment classifier is used only for the pack's sentiments. If so,
            the classifier reads no text when the pack has no sentiments.
        status: "research_only" for a method whose mechanism is sound but whose randomness is not.
        claim_words: the sentences of a release that claims nothing, from the public plan and the models'
            names; by default those of the method paper.
        flows: how private text reaches the release without a mechanism: every unprotected read, in order. A
            method that is given records, of everybody or of donors, must have it; others have none.
        choice_sigma: standard deviation of the noise in a choice that is no mechanism; this noise bounds
            nothing.
        cards: how it draws the values of the pack's schema that its texts are written from: "even", or by
            noisy counts, whose cost is the stage "cards" of its budget; None if it draws none.
        workload: how much a run will ask of its writer; without it ``rpsg plan`` says "not declared".
        people: how many people can be asked, if the plan declares their number.
        explain: sentences for ``rpsg plan`` about how this method works with the plan.
        cautions: sentences about what is not protected, or has no effect.
        retell: repeats the queries to the voters, given the evidence of a release and its number of rows; for
            methods with donors, whose texts only the operator can make again.

    Raises:
        ValueError: ``reads`` is none of the four, or it does not match ``budget``, ``flows`` or ``retell``;
            or a method with a guarantee has a status or claim words, or could do without noise.
    """

    name: str
    about: str
    reads: Reads
    synthesize: Callable[[Job], Pool]
    budget: Callable[[Plan, Pack], Budget] | None = None
    sections: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    columns: bool = False
    embeds: bool = False
    shards: bool = False
    check: Callable[[Plan], None] = lambda _: None
    models: Callable[[Plan], Mapping[str, Callable[[], Any]]] = lambda _: {}
    packages: Callable[[Plan], Mapping[str, str]] = lambda _: {}
    tries_writer: bool = True
    trial: Callable[[Job], None] | None = None
    egress: Callable[[Plan], tuple[EgressRule, ...]] | None = None
    noiseless: Callable[[Plan], bool] | None = None
    sentiments_only: bool = False
    status: Literal["valid", "research_only"] = "valid"
    claim_words: Callable[[Plan, Tools], str] | None = None
    flows: Callable[[Plan, Tools], tuple[UnprotectedFlow, ...]] | None = None
    choice_sigma: Callable[[Plan], float] = lambda _: 0.0
    cards: Literal["counted", "even"] | None = None
    workload: Callable[[Plan, Pack], Workload] | None = None
    people: Callable[[Plan], int | None] = lambda plan: plan.privacy.n_public
    explain: Callable[[Plan, Pack], tuple[str, ...]] | None = None
    cautions: Callable[[Plan], tuple[str, ...]] = lambda _: ()
    retell: Callable[[Job, ReplayKernel, int], None] | None = None

    def __post_init__(self) -> None:
        if self.reads not in {"nothing", "noisy_answers", "donors", "records"}:
            raise ValueError(f"a method cannot read {self.reads!r}")
        if (self.budget is not None) != (self.reads in {"noisy_answers", "donors"}):
            raise ValueError("a method has a budget if it gets noisy answers, and only then")
        if self.claim != "no_formal_guarantee" and (self.status != "valid" or self.claim_words is not None):
            raise ValueError("only a method without a guarantee has a status and words of its own")
        if self.noiseless is not None and self.reads != "records":
            raise ValueError("only a method that reads records can do without noise")
        if self.has_donors and self.retell is None:
            raise ValueError("a method with donors needs retell, which repeats the queries to the voters")
        if self.has_seeds != (self.flows is not None):
            raise ValueError(
                f"a method that reads {self.reads!r} "
                + ("lists in flows" if self.has_seeds else "has no flows: these list")
                + " how private text gets into its release without noise"
            )

    def check_plan(self, plan: Plan) -> None:
        """Raise UsageError for a plan that asks for something this method cannot do.

        PrivacyError if it asks for Ray, and prompts of the method hold private text.
        """
        if plan.engine.kind == "ray":
            check_spread(self.egress_of(plan), self.name)
        if plan.data.columns and not self.columns:
            raise UsageError(
                f"The method {self.name} does not count columns beside the text.",
                hint="Leave --columns out ([data] columns), or use --method strict.",
            )
        check_language(plan)
        if plan.data.shards and not self.shards:
            raise UsageError(
                f"The method {self.name} cannot count the private texts in shards.",
                hint="Leave [data] shards out, or use --method strict.",
            )
        self.check(plan)

    @property
    def claim(self) -> ClaimType:
        """What its releases claim."""
        claims: Mapping[Reads, ClaimType] = {
            "nothing": "no_private_data",
            "noisy_answers": "end_to_end_dp",
            "donors": "voters_only_dp",
            "records": "no_formal_guarantee",
        }
        return claims[self.reads]

    @property
    def reads_private(self) -> bool:
        """Whether it is given private data at all, even if only through noise."""
        return self.reads != "nothing"

    @property
    def has_seeds(self) -> bool:
        """Whether its seeds are private texts, of everybody or of donors."""
        return self.reads in {"donors", "records"}

    @property
    def has_donors(self) -> bool:
        """Whether people are split into donors and voters before anything is read."""
        return self.reads == "donors"

    def flows_of(self, plan: Plan, tools: Tools) -> tuple[UnprotectedFlow, ...]:
        """How private text reaches the release without a mechanism, in the order of the reads."""
        return () if self.flows is None else tuple(self.flows(plan, tools))

    def egress_of(self, plan: Plan) -> tuple[EgressRule, ...]:
        """Which model may be sent what under this plan, in the order that tables show."""
        if self.egress is not None:
            return self.egress(plan)
        defaults: Mapping[str, tuple[EgressRule, ...]] = {"nothing": PUBLIC, "noisy_answers": STRICT}
        return defaults.get(self.reads, NOWHERE)

    def shown_egress(self, plan: Plan, pack: Pack) -> tuple[EgressRule, ...]:
        """``egress_of``, without the sentiment classifier if this pack gives it no text to read."""
        unread = {"sentiment"} if self.sentiments_only and not pack.has_sentiments else set()
        return tuple(way for way in self.egress_of(plan) if way.role not in unread)
