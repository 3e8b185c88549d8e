"""``rpsg shards``, ``rpsg count`` and ``rpsg merge``: a run whose private texts are counted in parts."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, AsJson, Config, Quiet, takes_settings
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from rpsg.pipeline.shards.merging import Waiting
    from rpsg.release.run import Run

#: Settings that need all rows in one place: a plan with shards is refused if it has one of them.
_IN_ONE_PLACE = (
    *("data.path", "data.audit_holdout", "data.audit_canaries"),
    *("data.canary_texts", "data.canary_encoding"),
    *("method.select", "method.rounds"),
)
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@functools.partial(takes_settings, settings=tuple(s for s in SETTINGS if s.key not in _IN_ONE_PLACE))
def shards(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")],
    number: Annotated[
        int | None,
        typer.Option("--shards", metavar="N", min=2, help="Number of shards, or of sites with --by-site."),
    ] = None,
    by_site: Annotated[
        bool,
        typer.Option(
            "--by-site",
            metavar="",
            help="Each shard has its own file with different people. Default: one file, divided by a hash.",
        ),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Begin a run that counts private texts in shards: tasks of a job array, or sites that keep their data.

    No private text is read, and no budget is spent. The settings are those of `rpsg run`, for the method
    strict; --account names the account of everybody in all files. The run asks its shards two questions:
    first how many texts of each kind there are, and later, when drafts were written, which drafts are like
    the texts. Each question is a file, which is public:

    1. `rpsg shards --account NAME --shards N -o RUN` writes RUN/question-1.json.

    2. `rpsg count RUN/question-1.json DATA --shard K/N -o FILE`, once for each K from 1 to N.

    3. `rpsg merge FILE... -o RUN` adds up the counts, adds noise once, and writes drafts and
    RUN/question-2.json.

    4. Count and merge for that question in the same way. This makes the release.

    A shard's file holds exact sums, encrypted for a key in RUN/private. Anybody who has that folder and its
    key can open the sums, so protect both like the private texts.
    """
    from rpsg.cli.progress import progress_for
    from rpsg.cli.settings import Layer, gather, make_plan
    from rpsg.pipeline.shards.merging import begin

    typed: dict[str, Any] = {"shards": number} if number is not None else {}
    typed |= {"divided_by": "site"} if by_site else {}
    origins = {f"data.{name}": "option" for name in typed}
    plan = make_plan([*gather(given, config, os.environ), Layer({"data": typed}, origins)])
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        found = begin(plan, out, progress=progress)
    _show(found, out, as_json=as_json)


def count(
    question: Annotated[
        Path,
        typer.Argument(metavar="QUESTION", help="The question file of the run."),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="The private texts: the one file of all shards, or the file of this site."
        ),
    ],
    shard: Annotated[str, typer.Option("--shard", metavar="K/N", help="Which shard this is, such as 3/16.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="The file to write, or to replace."),
    ],
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            metavar="NAME",
            help="The plan's embedder, if its path is different on this machine.",
        ),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            metavar="HEX",
            help=(
                "The fingerprint that the machine with the run printed. If the question does not match it, "
                "nothing is read."
            ),
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding", metavar="NAME", help="The encoding of DATA, if it differs from that in the plan."
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="COLUMN", help="The column of texts, if it differs from that in the plan."
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="COLUMN",
            help="The column that names people, if it differs from that in the plan.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count one shard of the private texts for a run that `rpsg shards` has begun.

    The models of the plan read the texts on this machine. The exact sums are written to FILE, encrypted so
    that only the run can open them; nothing else leaves this machine. The name, size and date of FILE, what
    is printed and the exit code do not depend on the texts; only the running time does.

    No noise is added here: `rpsg merge` adds it once. So anybody who has the run and its key can learn the
    exact sums. To be sure that the question file comes from your run, give as --fingerprint the value that
    `rpsg shards` or `rpsg merge` printed. Get this value by a different route from the file.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.progress import progress_for
    from rpsg.pipeline.shards.counting import count as count_shard

    numbers = _SHARD.fullmatch(shard)
    if numbers is None:
        raise UsageError(
            f"{shard!r} is not a shard.", hint="The third of sixteen shards is typed as: --shard 3/16"
        )
    here = {name: value for name, value in (("encoding", encoding), ("text", text), ("user", user)) if value}
    which, of = int(numbers[1]), int(numbers[2])
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        task = count_shard(
            question,
            data,
            which,
            out,
            shards=of,
            embedder=embedder or "",
            fingerprint=fingerprint or "",
            here=here,
            progress=progress,
        )
    told = task.fingerprint
    facts = {"shard": shard, "file": str(out), "question": task.about.number, "fingerprint": told}
    if as_json:
        print_json({"counted": facts})
        return
    screen = Screen.stdout()
    screen.facts((("counted", f"shard {which} of {of}"), ("question", told), ("file", str(out))))
    screen.line("  When all shards have been counted, type this on the machine that has the run:")
    screen.command("rpsg merge FILE... -o RUN")


def merge(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The files of all shards, each once.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run that rpsg shards began.")
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Add up what all shards counted, and continue their run: to its next question, or to its release.

    All files are checked before anything is spent: every shard must be there exactly once, for the same
    question of this run. The sums are added exactly, and noise is drawn once, after it was charged to the
    account. Merging the same files again continues the same run: nothing is drawn or charged again.
    """
    from rpsg.cli.progress import progress_for
    from rpsg.pipeline.shards.merging import merge as merge_shards

    with progress_for(quiet=quiet, as_json=as_json) as progress:
        found = merge_shards(out, files, progress=progress)
    _show(found, out, as_json=as_json)


def _show(found: Run | Waiting, out: Path, *, as_json: bool) -> None:
    """Show the release, or the commands for the question that must be counted next."""
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.render import run_facts, show_run
    from rpsg.methods.named import cautions_of
    from rpsg.pipeline.shards.merging import Waiting
    from rpsg.plan import read_toml, resolve
    from rpsg.storage.layout import PLAN

    if not isinstance(found, Waiting):
        cautions = cautions_of(resolve(read_toml(out / PLAN)))
        if as_json:
            print_json({"run": run_facts(found, cautions)})
        else:
            show_run(Screen.stdout(), found, cautions)
        return
    about, mark = found.task.about, found.task.fingerprint
    if as_json:
        told = {
            "question": str(found.file),
            "number": about.number,
            "shards": about.shards,
            "fingerprint": mark,
        }
        print_json({"waiting": told})
        return
    screen = Screen.stdout()
    screen.facts((("question", f"{found.file} ({about.number} of 2)"), ("fingerprint", mark)))
    screen.line(
        f"  Count this question in each of the {about.shards} shards (the command shows the first), then "
        "merge the files:"
    )
    screen.command(f"rpsg count {quote(str(found.file))} DATA --shard 1/{about.shards} -o FILE")
    screen.command(f"rpsg merge FILE... -o {quote(str(out))}")
