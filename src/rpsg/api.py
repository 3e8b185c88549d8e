"""The functions of ``import rpsg``: make a synthetic corpus from a private one, check it and measure it.

Each function imports its packages when it is called, because numpy and models take long to load.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.arguments import name_of, path_of
from rpsg.errors import UsageError
from rpsg.pipeline.planned import plan_of, planned
from rpsg.plan import layer_of, shows_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import Unpack

    from rpsg.evaluation.corpora import Source
    from rpsg.measures import Report
    from rpsg.plan import Keywords, Plan
    from rpsg.plan.previews import Preview, Samples
    from rpsg.protocols import Embedder, Progress
    from rpsg.release.run import Diagnosis, Run, Verification
    from rpsg.storage.readers import Reading


@shows_settings
def synthesize(
    data: object,
    *,
    out: str | Path,
    config: str | Path | None = None,
    quiet: bool = False,
    progress: Progress | None = None,
    **settings: Unpack[Keywords],
) -> Run:
    """Make a synthetic corpus from the private ``data``, and keep the run in the folder ``out``.

    Args:
        data: the path of a file or a folder, or a table in memory: a data frame of pandas or polars, an
            Arrow table, a data set of ``datasets``, or a list of dicts. A table is never written to disk.
        out: the run folder. The same call with the same folder resumes a run that stopped, also by Ctrl-C.
        config: a plan file (``rpsg.toml``); keywords override what it says.
        quiet: show no progress; otherwise progress is shown in a notebook and at a Python prompt.
        progress: an object that receives the progress instead.
        **settings: the options of ``rpsg run`` by their names: ``epsilon``, ``size``, ``writer``,
            ``n_public`` and so on. ``account`` is the public name of the privacy account that is charged, by
            default the path of the file. A table must have one. Give a setting without an option inside its
            section: ``paper={"nll_percentile": 0}``.

    Returns the finished run: ``run.texts`` and ``run.to_pandas()`` are the corpus, ``run.ledger`` is the
    claim, and ``run.release`` is the folder that may be shared. Raises an RpsgError that says what to do
    next.
    """
    folder = path_of(out, "out")
    if data is None and config is None:
        raise UsageError(
            "data is None, so there is nothing to read.",
            hint="Give the path of a file, a data frame, or a plan file that names the data: config=...",
        )
    with planned(data, config, layer_of(settings, "synthesize")) as plan:
        return run(plan, folder, progress, quiet=quiet)


@shows_settings
def make_plan(
    *layers: str | PathLike[str] | Mapping[str, Any],
    data: str | PathLike[str] | Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    **settings: Unpack[Keywords],
) -> Plan:
    """A checked plan: ``rpsg.make_plan("notes.csv", text="note", epsilon=2)``.

    Plan file, path, dictionaries of sections and keywords: later ones override earlier. Raises UsageError.
    """
    return plan_of(layers, data, config, layer_of(settings, "make_plan"))


@shows_settings
def preview(
    data: object = None, *, config: str | Path | None = None, **settings: Unpack[Keywords]
) -> Preview:
    """What a run would claim, cost and send to others: the command ``rpsg plan``, not ``rpsg preview``.

    ``data`` is a plan, or data as for ``synthesize``, with the same keywords. Nothing is spent. The file is
    opened to check that it can be decoded and has the named columns and at least one row; no row is used.
    Epsilons are for one person (or one row, without ``user``), noise is a standard deviation in counts, and
    times are in seconds.

    Raises InfeasibleError when the declared number of people is too small for this schema and budget,
    DataError when the file or a column does not exist, and UsageError for a wrong setting.
    """
    from rpsg.pipeline import preview as previewing

    with planned(data, config, layer_of(settings, "preview")) as plan:
        return previewing.preview(plan)


@shows_settings
def samples(
    plan: Plan | None = None,
    count: int = 5,
    *,
    config: str | Path | None = None,
    **settings: Unpack[Keywords],
) -> Samples:
    """``count`` texts that the writer makes from the pack alone: the command ``rpsg preview``.

    A run tests its writer with such texts. No private data is read. The writer is the one that ``plan`` or
    the keywords name: ``rpsg.samples(writer="smollm2-135m", domain="support")``. Raises ModelError when the
    writer does not exist, and UsageError for a wrong setting.
    """
    from rpsg.pipeline import samples as sampling

    with planned(plan, config, layer_of(settings, "samples")) as known:
        return sampling.samples(known, count)


@shows_settings
def check(data: object, *, config: str | Path | None = None, **settings: Unpack[Keywords]) -> Reading:
    """Which rows a run cannot use, and why. The answer is private, for the operator only.

    ``data`` is a plan, or data as for ``synthesize``, with the same keywords. Nothing is spent. For each
    reason, ``left_out`` has the number of unusable rows and the row numbers of the first ones, so keep the
    answer out of a release and out of any log that others read. Raises DataError when the file cannot be read
    at all, and UsageError when no data is named or a setting is wrong.
    """
    from rpsg.pipeline import check as checking

    with planned(data, config, layer_of(settings, "check"), pays=False) as plan:
        return checking.check(plan)


def run(plan: Plan, out: str | Path, progress: Progress | None = None, *, quiet: bool = False) -> Run:
    """Run the plan in the folder ``out``, or resume a run that stopped there, for example by Ctrl-C.

    ``progress`` receives the progress. If you give none, the progress is shown in a notebook and at a prompt,
    unless ``quiet`` is true. Raises an RpsgError that says what to do next.
    """
    from rpsg.pipeline.interactive import default_progress
    from rpsg.pipeline.shards import on_ray as running

    with default_progress(quiet=quiet or progress is not None) as shown:
        return running.run(plan, path_of(out, "out"), progress=progress or shown)


def verify(
    release: str | PathLike[str],
    *,
    regenerate: bool = False,
    models: Mapping[str, str] | None = None,
    plugins: Sequence[str] = (),
    progress: Progress | None = None,
    key: str | Path | None = None,
    second_opinion: bool = False,
    with_vault: bool = False,
    data: str | Path | None = None,
    workers: int | None = 1,
) -> Verification:
    """Check a release folder, a run folder or a run. The release may come from somebody else.

    The release is rebuilt from its plan, pack and evidence, and compared byte for byte. Nothing that the
    release names is opened, except models that RPSG knows by their digest. ``models`` says where other models
    are, by role ("writer", "embedder", "scorer", "sentiment"). ``plugins`` names methods and models of other
    packages that may be loaded. With ``regenerate`` the writer writes every text again. With ``key``, a file
    with a public key, the release must have a signature that fits this key. With ``second_opinion``
    dp-accounting computes every epsilon again. ``workers`` processes share the work; None means one for each
    core, at most 8, if there are 5,000 texts or more. They do not run the script that calls this function.

    ``with_vault`` is for the operator of a run: the commitment is opened and the noise is tested on the
    private ``data`` (by default the file that the plan names). These results depend on private data, so do
    not publish them. Returns every check with what was found; ``found.ok`` says whether all passed. Raises
    VerificationError when there is no release, and UsageError for an unknown role.
    """
    from rpsg.pipeline.verification import opening
    from rpsg.pipeline.verification import verify as verifying

    found = verifying.verify(
        path_of(release, "release"),
        regenerate=regenerate,
        models=models,
        plugins=tuple(plugins),
        progress=progress,
        key=None if key is None else path_of(key, "key"),
        second_opinion=second_opinion,
        workers=workers,
    )
    if not (with_vault and found.ok):
        return found
    where = None if data is None else path_of(data, "data")
    opened = opening.open_run(path_of(release, "release"), where, progress)
    return replace(found, checks=(*found.checks, *opened), private=True)


def examine(plan: Plan, folder: str | Path | None = None) -> Iterator[Diagnosis]:
    """What this machine has and lacks for a run of this plan, as findings. No private text is read.

    A finding has a name, a status ("ok", "warn", "fail"), a detail, and what to do. ``folder`` is a run
    folder whose file modes are checked too. If something is missing, that is a finding, not an error. Raises
    UsageError when ``folder`` is not a path.
    """
    from rpsg.pipeline import doctor

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
    encoding: str = "",
    synthetic_text: str | None = None,
    synthetic_label: str | None = None,
    metrics: Sequence[str] = (),
    embedder: str | Embedder | None = None,
    language_model: str = "ngram",
    seed: int = 0,
    quiet: bool = False,
    progress: Progress | None = None,
) -> Report:
    """How close a synthetic corpus is to real texts, compared with a floor and a ceiling.

    Args:
        corpus: a file of synthetic texts, a run or its folder, a list of texts, or a table.
        real: real texts to compare with: a file, a list of texts, or a table.
        train_real: other real texts, for the ceiling; without them ``real`` is split by person.
        floor: texts made without private data, or the folder of such a run.
        write_floor: for a run folder without ``floor``: write its floor with the run's writer.
        text: the column of texts in all files; by default the one that the run's plan names, or "text".
        label: the column of labels, for the downstream task; by default the one that the run's plan names, or
            none.
        user: the column of user names in real files; by default the one that the run's plan names, or none.
        encoding: the encoding of real files, if it is not UTF-8, for example "cp1252".
        synthetic_text: the column of texts in synthetic files, if it is not ``text``.
        synthetic_label: the column of labels in synthetic files, if it is not ``label``. A file without it
            has no labels.
        metrics: names of metrics, as ``rpsg list metrics`` shows them; by default all.
        embedder: an embedder or its name; by default that of the run, or minilm if there is no run.
        language_model: "ngram", or weights to fine-tune.
        seed: decides splits, draws and resamples.
        quiet: show no progress; otherwise progress is shown in a notebook and at a Python prompt.
        progress: an object that receives the progress instead.

    ``Report.table()`` can be made into a data frame. A report with ``real`` texts is internal: do not publish
    it with a release. Raises an RpsgError if a file cannot be read or a name is unknown.
    """
    from rpsg.evaluation import evaluate as evaluation
    from rpsg.evaluation.config import EvaluationConfig
    from rpsg.evaluation.corpora import source_of
    from rpsg.pipeline.interactive import default_progress
    from rpsg.storage.readers.memory import held, is_table

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
            encoding=encoding,
            synthetic_text=name_of(synthetic_text, "synthetic_text"),
            synthetic_label=name_of(synthetic_label, "synthetic_label"),
            metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
            embedder=embedder,
            language_model=language_model,
            seed=seed,
        )
        shown = tables.enter_context(default_progress(quiet=quiet or progress is not None))
        return evaluation.evaluate(config, progress or shown)


def read_run(path: str | Path) -> Run:
    """A finished run, read from its folder.

    The folder may come from somebody else: nothing that it names is opened.

    Raises RunError when there is no finished run or one of its files is damaged, and VerificationError when
    its release contains something that no release has.
    """
    from rpsg.release import finished

    return finished.read_run(path_of(path, "path"))
