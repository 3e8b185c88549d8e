"""The functions of ``import rpsg``: make a synthetic corpus from a private one, check it and measure it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.arguments import name_of, path_of
from rpsg.errors import UsageError
from rpsg.plan import Plan, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.evaluation.corpora import Source
    from rpsg.measures import Report
    from rpsg.protocols import Embedder, Progress
    from rpsg.results import Diagnosis, Preview, Run, Sample, Verification
    from rpsg.storage.readers import Reading


def synthesize(
    data: object,
    *,
    text: str = "text",
    about: str = "",
    out: str | Path,
    epsilon: float = 2.0,
    delta: float = 1e-6,
    size: int = 200,
    label: str | None = None,
    labels: tuple[str, ...] = (),
    user: str | None = None,
    account: str = "",
    domain: str = "generic",
    progress: Progress | None = None,
    **settings: Mapping[str, Any],
) -> Run:
    """A synthetic corpus of ``size`` texts from the private ``data``, in the run folder ``out``.

    ``data`` is the path of a file or a folder, or a table in memory: a data frame of pandas or polars, an
    Arrow table, a data set of ``datasets``, or a list of dicts. A table is written nowhere.

    ``about`` is one public line about the corpus; ``domain`` names a pack (``rpsg list domains``);
    ``account`` is the public name of the privacy account that is charged: by default the path of the file,
    and for a table it must be given. Other sections of the plan can be given as keywords:
    ``models={"writer": "model.gguf"}``. The same call with the same folder resumes a run that stopped.
    Raises an RpsgError with what to do next.
    """
    folder = path_of(out, "out")
    if not isinstance(data, str | os.PathLike):
        from rpsg.storage.readers.memory import held  # only for tables

        with held(data) as path:
            if not account.strip():
                raise UsageError(
                    "A table in memory has no path that could name its privacy account.",
                    hint="Name the account of these people: account='ward 7'. Use it for them every time.",
                )
            return synthesize(
                path,
                text=text,
                about=about,
                out=folder,
                epsilon=epsilon,
                delta=delta,
                size=size,
                label=label,
                labels=labels,
                user=user,
                account=account,
                domain=domain,
                progress=progress,
                **settings,
            )
    plan = make_plan(
        {
            "data": {
                "path": str(path_of(data, "data")),
                "text": text,
                "label": label,
                "labels": labels,
                "user": user,
                "account": account,
            },
            "corpus": {"about": about, "domain": domain, "size": size},
            "privacy": {"epsilon": epsilon, "delta": delta},
        },
        settings,
    )
    return run(plan, folder, progress)


def make_plan(*layers: Mapping[str, Any]) -> Plan:
    """A checked plan from layered settings (later layers win); UsageError says which key is wrong."""
    return resolve(*layers)


def preview(plan: Plan) -> Preview:
    """What a run of this plan would do and cost; nothing is spent, no private row is read.

    Raises InfeasibleError when the declared number of people is too small for this schema and budget.
    """
    from rpsg.pipeline import preview as previewing  # numpy, only when it is needed

    return previewing.preview(plan)


def samples(plan: Plan, count: int = 5) -> tuple[Sample, ...]:
    """``count`` texts as the plan's writer writes them from its pack alone; no private data is read.

    They are of the kind with which a run tries its writer. Raises ModelError when the writer is not there.
    """
    from rpsg.pipeline import samples as sampling  # as above

    return sampling.samples(plan, count)


def check(plan: Plan) -> Reading:
    """Which rows of the plan's data a run cannot use, and why. The answer is private, for the operator only.

    Nothing is spent, and the answer must not go into a release or a log that others read. DataError when the
    file cannot be read at all, UsageError when no data is named.
    """
    from rpsg.privacy.private import open_private  # as above
    from rpsg.storage.readers import Rules, read_by_rule

    if not plan.data.path:
        raise UsageError("No data was named.", hint="Name the file: rpsg check reviews.csv --text review")
    return open_private(read_by_rule(plan.data, Rules("drop", plan.data.unlisted), tells=True))


def run(plan: Plan, out: str | Path, progress: Progress | None = None) -> Run:
    """Run the plan in the folder ``out``, or resume a run that stopped there."""
    from rpsg.pipeline import execute as running  # numpy and models, only when they are needed

    return running.execute(plan, path_of(out, "out"), progress=progress)


def verify(
    release: str | Path,
    *,
    regenerate: bool = False,
    models: Mapping[str, str] | None = None,
    plugins: Sequence[str] = (),
    progress: Progress | None = None,
    key: str | Path | None = None,
    second_opinion: bool = False,
    with_vault: bool = False,
    data: str | Path | None = None,
) -> Verification:
    """Check a release folder (or a run folder), which may come from somebody else.

    The release is rebuilt from its plan, pack and evidence, and compared byte for byte. Nothing that it
    names is opened, except models whose weights are known here by their digest. ``models`` says where others
    are, by role ("writer", "embedder", "scorer", "sentiment"); ``plugins`` names methods and models of other
    packages that may be loaded. With ``regenerate`` the writer writes every text again. With ``key``, a file
    with a public key, the release must be signed by it. With ``second_opinion`` dp-accounting computes every
    epsilon again. With ``with_vault`` the operator of a run has its commitment opened and its noise tested on
    the private ``data`` (default: where the plan says); these results depend on private data and are not for
    publication. VerificationError when there is no release, UsageError for an unknown role.
    """
    from rpsg.verification import opening  # as above
    from rpsg.verification import verify as verifying  # as above

    found = verifying.verify(
        path_of(release, "release"),
        regenerate=regenerate,
        models=models,
        plugins=tuple(plugins),
        progress=progress,
        key=None if key is None else path_of(key, "key"),
        second_opinion=second_opinion,
    )
    if not (with_vault and found.ok):
        return found
    where = None if data is None else path_of(data, "data")
    opened = opening.open_run(path_of(release, "release"), where, progress)
    return replace(found, checks=(*found.checks, *opened))


def examine(plan: Plan, folder: str | Path | None = None) -> Iterator[Diagnosis]:
    """What this machine has and lacks for a run of this plan; reads no private text.

    ``folder`` is a run folder whose file modes are checked too.
    """
    from rpsg.pipeline import doctor  # as above

    return doctor.examine(plan, None if folder is None else path_of(folder, "folder"))


def evaluate(
    corpus: object,
    real: object = None,
    *,
    train_real: object = None,
    floor: object = None,
    write_floor: bool = True,
    text: str | None = None,
    label: str | None = None,
    user: str | None = None,
    synthetic_text: str | None = None,
    synthetic_label: str | None = None,
    metrics: Sequence[str] = (),
    embedder: str | Embedder | None = None,
    language_model: str = "ngram",
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """How good a synthetic corpus is against real texts, beside floor and ceiling.

    Args:
        corpus: a file of synthetic texts, a run folder, a list of texts, or a table as for ``synthesize``.
        real: real texts to compare with: a file, a list of texts, or a table.
        train_real: other real texts, for the ceiling; without them ``real`` is split by person.
        floor: texts made without private data, or the folder of such a run.
        write_floor: write the floor of a run folder when no ``floor`` is given.
        text: the column of texts in all files; that of the run's plan, or "text", when None.
        label: the column of labels, for the downstream task; that of the run's plan, or none.
        user: the column of user names, in real files; that of the run's plan, or none.
        synthetic_text: as ``text``, in synthetic files.
        synthetic_label: as ``label``, in synthetic files; those without it are read without labels.
        metrics: names, as ``rpsg list metrics`` shows them; all when empty.
        embedder: a name or an embedder itself; the run's own, or minilm, when None.
        language_model: "ngram", or weights to fine-tune.
        seed: decides splits, draws and resamples.
        progress: receives progress.

    ``Report.table()`` is ready for a data frame. A report with ``real`` texts is internal: it must not be
    published with a release. Raises an RpsgError for what cannot be read and for an unknown name.
    """
    from rpsg.evaluation import evaluate as evaluation  # numpy, only when it is needed
    from rpsg.evaluation.config import EvaluationConfig  # as above
    from rpsg.evaluation.corpora import source_of  # as above
    from rpsg.storage.readers.memory import held, is_table  # as above

    with ExitStack() as tables:

        def source(given: object) -> Source:
            return source_of(tables.enter_context(held(given)) if is_table(given) else given)

        config = EvaluationConfig(
            corpus=source(corpus),
            real=None if real is None else source(real),
            train_real=None if train_real is None else source(train_real),
            floor=None if floor is None else source(floor),
            write_floor=write_floor,
            text=name_of(text, "text"),
            label=name_of(label, "label"),
            user=name_of(user, "user"),
            synthetic_text=name_of(synthetic_text, "synthetic_text"),
            synthetic_label=name_of(synthetic_label, "synthetic_label"),
            metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
            embedder=embedder,
            language_model=language_model,
            seed=seed,
        )
        return evaluation.evaluate(config, progress)


def read_run(path: str | Path) -> Run:
    """A finished run, read from its folder, which may come from somebody else: nothing it names is opened.

    RunError when there is no finished run or a file of it is damaged, VerificationError when its release
    holds what no release has.
    """
    from rpsg.release import finished  # as above

    return finished.read_run(path_of(path, "path"))
