"""``rpsg verify``: copies a release, rebuilds it from its evidence, and compares byte for byte."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import file_sha256
from rpsg.disk.json_text import strict_json
from rpsg.errors import LostProcessError, RpsgError, UsageError, VerificationError
from rpsg.machine.processes import Processes, can_start_here, check_number
from rpsg.models.hardware import cores
from rpsg.pipeline.logs import logged
from rpsg.pipeline.verification.audited import audit_fits
from rpsg.pipeline.verification.claimed import read_claimed
from rpsg.pipeline.verification.compare import compared, corpus_of, names_in
from rpsg.pipeline.verification.replay import check_roles, made_again, written_again
from rpsg.plan import Plan, ServerSection, read_toml, resolve
from rpsg.privacy.checks import makes_dp_claim
from rpsg.privacy.claims import taken_at_its_word
from rpsg.privacy.ledger import code_facts
from rpsg.privacy.published_audit import CANNOT_SHOW as COUNTS_OF_AUDIT
from rpsg.privacy.published_audit import CANNOT_SHOW_LIKE_IT, LIKE_IT
from rpsg.privacy.second_opinion import disagreements
from rpsg.privacy.signing import SIGNATURE, is_signed, public_key
from rpsg.privacy.verify import CANNOT_SHOW, Check, verify_release
from rpsg.release.run import Verification
from rpsg.storage.export import is_of_this_version
from rpsg.storage.layout import CORPUS, EVIDENCE, LEDGER, PARQUET, PLAN, RELEASE
from rpsg.storage.ownership import is_own
from rpsg.storage.untrusted import copied, release_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from rpsg.pipeline.verification.claimed import Claimed
    from rpsg.protocols import Progress

FOLDER = "the folder holds a release and nothing else"
FOLLOWS = "everything follows from plan, pack and evidence"
PROGRAM = "the program that made it"
SIGNED = "signature"
AUDIT_FITS = "the published audit fits the release"
OPINION = "every epsilon again, by another accountant"
UNKNOWN_SIGNER = "whose key signed the release: compare the fingerprint, or name the key with --key"
UNSIGNED = "who made the release: nobody signed it, and one made from invented data would pass too"
REGENERATE = "the writer writes the same texts again"
FROM_SEEDS = (
    (
        "that the texts follow from their inputs: they were made from private texts, so only the operator "
        "can check this"
    ),
    "that the rows are synthetic at all: the operator could have put others in their place",
)
OTHER_PARQUET = f"that {PARQUET}, written by another version of pyarrow, contains nothing but its table"
FROM_VOTERS = ("that the voters' noisy answers are those that were drawn: nothing in the rows can show this",)
#: A release of fewer texts is checked by one process: starting others would take longer than they save.
MANY_TEXTS = 5000
#: The most processes that start without a setting: more of them would hardly be faster.
MOST_UNASKED = 8
#: What damaged or hostile files can make a method raise, besides our own errors.
_BROKEN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError)


def verify(
    path: Path,
    *,
    regenerate: bool = False,
    models: Mapping[str, str] | None = None,
    plugins: Collection[str] = (),
    progress: Progress | None = None,
    key: Path | None = None,
    second_opinion: bool = False,
    workers: int | None = 1,
) -> Verification:
    """Check the release in ``path``, or in the run folder ``path``; it may come from somebody else.

    Nothing that the release names is opened: no model except those known here by digest and those that the
    caller names by role in ``models``, no server, no path outside its folder, no plug-in except ``plugins``.
    The first error in the form of the release ends the check. ``workers`` processes share the work; None: one
    for each core if the release is large. With ``key`` the release must have a signature that fits this
    public key; with ``second_opinion`` another accountant computes every epsilon again.

    Raises:
        VerificationError: there is no release.
        UsageError: ``models`` names a role that a replay does not have, or ``workers`` is less than 1.
        LostProcessError: one of these processes was ended from outside.
    """
    check_roles(models or {})
    check_number(workers)
    asked_for = None if key is None else public_key(key)
    release = release_in(path)
    try:
        with copied(release) as copy:
            told = logged(progress, "verify")
            found = _of_copy(copy, release, regenerate, dict(models or {}), plugins, told, workers)
            return _with_opinions(found, copy, asked_for, second_opinion=second_opinion)
    except VerificationError as error:
        return Verification(release, (Check(FOLDER, ok=False, detail=error.sentences),), CANNOT_SHOW)


def _with_opinions(
    found: Verification, copy: Path, key: bytes | None, *, second_opinion: bool
) -> Verification:
    """Add who signed the release and what another accountant says, if the form of the release is right."""
    form = next((check for check in found.checks if check.name == "form"), None)
    if form is None or not form.ok:
        return found
    ledger = strict_json((copy / LEDGER).read_bytes())
    checks = [*found.checks, *_signed(copy, ledger, key)]
    cannot_show = found.cannot_show
    if key is None:
        cannot_show += (UNKNOWN_SIGNER if "signer" in ledger else UNSIGNED,)
    if second_opinion and makes_dp_claim(ledger) and all(check.ok for check in found.checks):
        reasons = list(disagreements(ledger))
        detail = "; ".join(reasons) or "the other accountant gives the same figures"
        checks.append(Check(OPINION, ok=not reasons, detail=detail))
    return replace(found, checks=tuple(checks), cannot_show=cannot_show)


def _signed(copy: Path, ledger: Mapping[str, Any], key: bytes | None) -> Iterator[Check]:
    """Whether the signature fits the key in the ledger, and whether that is the key of the caller."""
    signer, file = ledger.get("signer"), copy / SIGNATURE
    if signer is None:
        if key is not None:
            yield Check(SIGNED, ok=False, detail="nobody has signed this release")
        if file.is_file():
            yield Check(SIGNED, ok=False, detail="there is a signature, but the ledger names no signer")
        return
    content = file.read_bytes() if file.is_file() else b""
    if not is_signed(signer, (copy / LEDGER).read_bytes(), content):
        yield Check(SIGNED, ok=False, detail="the key that is named did not sign this ledger")
    elif key is None:
        yield Check(
            SIGNED, ok=True, detail=f"by {signer['fingerprint']}; it was not checked whose key that is"
        )
    elif signer["public_key"] != key.hex():
        yield Check(SIGNED, ok=False, detail=f"by {signer['fingerprint']}, which is not your key")
    else:
        yield Check(SIGNED, ok=True, detail=f"by the key that you named, {signer['fingerprint']}")


def _of_copy(
    copy: Path,
    release: Path,
    regenerate: bool,
    models: dict[str, str],
    plugins: Collection[str],
    progress: Progress | None,
    workers: int | None,
) -> Verification:
    found = verify_release(copy / LEDGER, copy / CORPUS, copy / EVIDENCE)
    checks = [Check(FOLDER, ok=True), *found]
    if not all(check.ok for check in checks):
        return Verification(release, tuple(checks), CANNOT_SHOW)
    ledger = strict_json((copy / LEDGER).read_bytes())
    if changed := list(_changed(copy, ledger)):
        return Verification(release, (*checks, *changed), CANNOT_SHOW, makes_dp_claim(ledger))
    cannot_show: tuple[str, ...] = CANNOT_SHOW
    if "published_audit" in ledger:
        cannot_show += COUNTS_OF_AUDIT
        cannot_show += (CANNOT_SHOW_LIKE_IT,) if ledger["published_audit"]["of"] == LIKE_IT else ()
    program, note = _program(ledger)
    checks.append(program)
    cannot_show += (note,) if note else ()
    cannot_show += tuple(map(taken_at_its_word, ledger["code"].get("extensions", ())))
    try:
        claimed = read_claimed(copy, ledger, plugins) if program.ok else None
    except RpsgError as error:
        checks.append(Check(FOLLOWS, ok=False, detail=error.sentences))
        claimed = None
    if claimed is not None:
        if regenerate and claimed.method.has_seeds:
            raise UsageError(
                "A release that began with private texts cannot be written again from what is public.",
                hint="Leave out --regenerate: then everything but the rows is checked.",
            )
        cannot_show += FROM_SEEDS if claimed.method.has_seeds else ()
        cannot_show += FROM_VOTERS if claimed.method.has_donors else ()
        checks += _fits(claimed)
        opened = (plan_to_open(release, claimed, models), models, plugins, progress)
        with Processes(workers or _workers_for(ledger)) as processes:
            checks += _made_again(claimed, regenerate, *opened, processes)
        file = copy / PARQUET
        if file.is_file() and find_spec("pyarrow") is not None and not is_of_this_version(file.read_bytes()):
            cannot_show += (OTHER_PARQUET,)
    return Verification(release, tuple(checks), cannot_show, makes_dp_claim(ledger))


def _workers_for(ledger: Mapping[str, Any]) -> int:
    """How many processes check a release. The rows in its ledger were already compared to the corpus."""
    texts = next((output["records"] for output in ledger["outputs"] if output["name"] == CORPUS), 0)
    return min(cores(), MOST_UNASKED) if texts >= MANY_TEXTS and can_start_here() else 1


def _fits(claimed: Claimed) -> list[Check]:
    """The checks of the audit that is published with this release, if one is."""
    found = claimed.ledger.get("published_audit")
    if found is None:
        return []
    with (claimed.folder / CORPUS).open("rb") as rows:
        texts = [str(strict_json(row)["text"]) for row in rows]
    try:
        return list(audit_fits(found, claimed.ledger, claimed.plan, claimed.pack, texts, claimed.evidence))
    except (*_BROKEN, RpsgError) as error:
        return [Check(AUDIT_FITS, ok=False, detail=f"it cannot be compared ({type(error).__name__})")]


def _changed(copy: Path, ledger: Mapping[str, Any]) -> Iterator[Check]:
    """The files whose hashes are not those in the ledger; checked before anything is made."""
    here = names_in(copy)
    if len({output["name"] for output in ledger["outputs"]}) != len(ledger["outputs"]):
        # Each is read once: a ledger of a few megabytes could ask for the same file a hundred thousand times.
        yield Check("outputs", ok=False, detail="the ledger names a file twice")
        return
    for output in ledger["outputs"]:
        name = str(output["name"])
        if name not in here:
            shown = ascii(name[:100])[1:-1]
            yield Check(shown, ok=False, detail="is named in the ledger, but is not in the release")
        elif file_sha256(copy / name) != output["sha256"]:
            yield Check(name, ok=False, detail="was changed: it is not the file that the ledger names")


def _made_again(
    claimed: Claimed,
    regenerate: bool,
    plan: Plan,
    models: Mapping[str, str],
    plugins: Collection[str],
    progress: Progress | None,
    processes: Processes,
) -> list[Check]:
    """A check for each file of the release, or one for what cannot be made."""
    try:
        made = made_again(claimed, plan, models, plugins, progress, processes)
        checks = list(compared(claimed, made, processes))
        checks.insert(0, _followed(claimed, checks))
        if regenerate and all(check.ok for check in checks):
            pool = written_again(claimed, plan, models, plugins, progress, processes)
            same = corpus_of(pool, claimed.pack.speakers) == (claimed.folder / CORPUS).read_bytes()
            detail = "byte for byte" if same else f"what it writes differs from {CORPUS}"
            checks.append(Check(REGENERATE, ok=same, detail=detail))
    except LostProcessError:
        raise  # such an error says nothing about the release
    except RpsgError as error:
        return [Check(FOLLOWS, ok=False, detail=error.sentences)]
    except _BROKEN as error:
        return [Check(FOLLOWS, ok=False, detail=f"it cannot be made again ({type(error).__name__})")]
    else:
        return checks


def _followed(claimed: Claimed, files: list[Check]) -> Check:
    """The result over all files."""
    other = sum(not check.ok for check in files)
    if other:
        version, here = str(claimed.ledger["code"]["version"])[:40], code_facts()["version"]
        way_out = "" if version == here else f"; check it with the version that made it ({version!a})"
        return Check(FOLLOWS, ok=False, detail=f"{other} of {len(files)} files differ{way_out}")
    rows = "; the rows themselves cannot be derived" if claimed.method.has_seeds else ""
    return Check(FOLLOWS, ok=True, detail=f"byte for byte, without private data{rows}")


def _program(ledger: Mapping[str, Any]) -> tuple[Check, str]:
    """Whether this program made the release, and if another version did, what therefore cannot be shown."""
    theirs, here = ledger["code"], code_facts()
    if theirs["source_sha256"] == here["source_sha256"]:
        return Check(PROGRAM, ok=True, detail="it is byte for byte the program that checks the release"), ""
    if theirs["version"] == here["version"]:
        detail = (
            f"it is called rpsg {here['version']} like this one, but its sources are different: check the "
            "release with the sources whose digest begins "
            f"with {ascii(str(theirs['source_sha256'])[:12])[1:-1]}"
        )
        return Check(PROGRAM, ok=False, detail=detail), ""
    version = ascii(str(theirs["version"])[:40])
    note = (
        f"that version {version} of rpsg, which made the release, works as this version ({here['version']})"
    )
    return Check(
        PROGRAM, ok=True, detail=f"it is another version ({version}), and this version derives the same files"
    ), note


def plan_to_open(release: Path, claimed: Claimed, models: dict[str, str]) -> Plan:
    """The plan whose models may be opened; it has paths and a server only if the run began here."""
    run = release.absolute().parent
    if release.name == RELEASE and is_own(run):
        own = resolve(read_toml(run / PLAN))
        for role in ("writer", "embedder", "scorer", "sentiment"):
            if (name := getattr(own.models, role)) is not None:
                models.setdefault(role, name)
        return claimed.plan.model_copy(update={"models": own.models, "server": own.server})
    plain = claimed.plan.models.model_copy(
        update={"slots": None, "threads": None, "context": type(claimed.plan.models)().context}
    )
    return claimed.plan.model_copy(update={"models": plain, "server": ServerSection()})
