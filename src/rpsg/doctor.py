"""What is in order on this machine and what is not, each with the fix. No private text is read.

Every check stands alone: one that fails, or breaks, hides none of the others.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
import socket
import stat
import time
from contextlib import closing
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Protocol

from rpsg import forecasting, registry
from rpsg.errors import RpsgError
from rpsg.methods.places import SEEDED, check_settings
from rpsg.models import assets
from rpsg.models.canary import check_scorer
from rpsg.models.catalogue import CATALOGUE
from rpsg.models.machine import available_memory, cores
from rpsg.privacy.odometer import state_folder
from rpsg.protocols import Message, Request
from rpsg.results import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.protocols import Embedder

    class Named(Protocol):
        """Any model."""

        @property
        def name(self) -> str: ...


_LEAST_DISK = 1 << 30
_LEAST_MEMORY = 1 << 30
_DRAWS = 20_000
_SIGMA = 12.0
#: Standard errors that a mean or a variance may be off: a healthy source fails once in 10^9 examinations.
_BOUND = 6.0
_SENTENCES = ("The tea was warm and sweet.", "A cup of hot tea.", "The engine lost its oil.")


def examine(plan: Plan, run: Path | None = None) -> Iterator[Finding]:
    """One finding after the other, as they are made; ``run`` is a run folder whose file modes to look at."""
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("Python", _python),
        ("packages", _packages),
        ("processor and memory", _machine),
        ("disk", _disk),
        ("state folder", lambda: modes("state folder", state_folder(), deep=False)),
        *((("run folder", lambda: run_modes(run)),) if run else ()),
        ("loopback", _loopback),
        ("randomness", _randomness),
        ("noise", _noise),
        ("keys", lambda: _keys(plan)),
        ("weights of the writer", lambda: _weights("weights of the writer", plan.models.writer)),
        ("weights of the embedder", lambda: _weights("weights of the embedder", _embedder_asset(plan))),
        *((("settings", lambda: _settings(plan)),) if plan.method.name in SEEDED else ()),
        *((name, partial(_of_seeds, name, make)) for name, make in seed_models(plan).items()),
        ("embedder", lambda: _embedder(plan)),
        ("scorer", lambda: _scorer(plan)),
        ("writer", lambda: _writer(plan)),
    )
    for name, check in checks:
        yield _isolated(name, check)


def _isolated(name: str, check: Callable[[], Finding]) -> Finding:
    """What the check found, or what became of the check. Messages of strangers' errors are not shown."""
    try:
        return check()
    except RpsgError as error:
        return Finding(name, "fail", error.message, error.hint)
    except OSError as error:
        return Finding(name, "fail", f"The system refused: {error.strerror or type(error).__name__}.")
    except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
        return Finding(name, "fail", f"The check broke: {type(error).__name__}.", "Please report this.")


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", "ok", detail)


def _packages() -> Finding:
    """The version of RPSG and which extras are installed whole."""
    missing: dict[str, list[str]] = {}
    for line in requires("rpsg") or ():
        requirement, _, condition = line.partition(";")
        extra = condition.partition("extra ==")[2].strip(" '\"")
        package = requirement.split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        missing.setdefault(extra, []).extend([] if _installed(package) else [package])
    core = missing.pop("", [])
    if core:
        return Finding(
            "packages", "fail", f"missing: {', '.join(core)}", "pip install --force-reinstall rpsg"
        )
    here = [extra for extra, packages in missing.items() if not packages]
    not_here = [extra for extra, packages in missing.items() if packages]
    detail = f"rpsg {version('rpsg')}; extras here: {', '.join(here) or 'none'}"
    if not_here:
        detail += f"; not here, and needed only if you ask for them: {', '.join(not_here)}"
    if "local" in not_here:
        return Finding("packages", "warn", detail, "For models on this machine: pip install 'rpsg[local]'")
    return Finding("packages", "ok", detail)


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _machine() -> Finding:
    memory = available_memory()
    detail = f"{cores()} cores, " + ("memory not told" if memory is None else f"{memory >> 20:,} MB free")
    if memory is not None and memory < _LEAST_MEMORY:
        return Finding(
            "processor and memory", "warn", detail, "Close other programs, or take a smaller model."
        )
    return Finding("processor and memory", "ok", detail)


def _disk() -> Finding:
    place = state_folder()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free >> 20:,} MB free where RPSG keeps its state"
    if free < _LEAST_DISK:
        return Finding("disk", "warn", detail, "Free some space, or move the folder with RPSG_HOME.")
    return Finding("disk", "ok", detail)


def modes(name: str, folder: Path, *, deep: bool) -> Finding:
    """Whether only the owner can open a folder; with ``deep`` also every folder and file in it."""
    if not folder.exists():
        return Finding(name, "ok", "not there yet; it is made for its owner alone")
    places = [folder, *(folder.rglob("*") if deep else ())]
    loose = [
        place for place in places if not place.is_symlink() and stat.S_IMODE(place.stat().st_mode) & 0o077
    ]
    if loose:
        detail = f"others than its owner can open {'parts of it' if folder not in loose else 'it'}"
        return Finding(name, "fail", detail, f"chmod -R go= {folder}")
    return Finding(name, "ok", "opens only for its owner")


def run_modes(run: Path) -> Finding:
    """The modes of a run folder: itself, its evidence, and its private half to the last file."""
    if not (run / "run.json").is_file():
        return Finding("run folder", "fail", "this is no run folder", "Name the folder after -o of rpsg run.")
    parts = (
        modes("run folder", run, deep=False),
        modes("run folder", run / "evidence", deep=False),
        modes("run folder", run / "private", deep=True),
    )
    return next((part for part in parts if part.status != "ok"), parts[0])


def _loopback() -> Finding:
    """A byte through a socket of this machine, as llama.cpp in this process needs it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(5)
        with closing(socket.create_connection(server.getsockname()[:2], timeout=5)) as client:
            other, _ = server.accept()
            with closing(other):
                client.sendall(b"x")
                came = other.recv(1) == b"x"
    if came:
        return Finding("loopback", "ok", "sockets of this machine work")
    return Finding("loopback", "fail", "a byte was lost", "See that no firewall stands on 127.0.0.1.")


def _randomness() -> Finding:
    """The system's randomness answers at once and does not repeat itself."""
    drawn = {_random_bytes() for _ in range(8)}
    if len(drawn) == 8:
        return Finding("randomness", "ok", "the operating system gives random bytes at once")
    return Finding("randomness", "fail", "random bytes came twice", "Do not run anything private here.")


def _random_bytes() -> bytes:
    if hasattr(os, "getrandom"):
        return os.getrandom(32, os.GRND_NONBLOCK)
    return os.urandom(32)


def _noise() -> Finding:
    """Mean and variance of the noise of every claim, within six standard errors.

    A rounded normal has variance sigma^2 + 1/12; the sample variance of n draws has a relative standard
    error of sqrt(2 / n).
    """
    from rpsg.privacy.noise import RoundedGaussian  # noqa: PLC0415  # so that a broken numpy is one finding

    drawn = RoundedGaussian().draw(_SIGMA, _DRAWS)
    variance = _SIGMA**2 + 1 / 12
    off = abs(float(drawn.mean())) / math.sqrt(variance / _DRAWS)
    spread = abs(float(drawn.var()) / variance - 1) / math.sqrt(2 / _DRAWS)
    if max(off, spread) <= _BOUND:
        detail = f"mean and variance of {_DRAWS:,} draws are as they should be"
        return Finding("noise", "ok", detail)
    return Finding(
        "noise", "fail", "the noise is not normal", "Do not run anything private here; report this."
    )


def _keys(plan: Plan) -> Finding:
    """Whether the key of a server is there, by the name of its variable."""
    if plan.models.writer.partition(":")[0] not in forecasting.SERVED:
        return Finding("keys", "ok", "none is needed: the writer runs on this machine")
    name = plan.server.key_env
    if os.environ.get(name):
        return Finding("keys", "ok", f"the environment holds {name}")
    if forecasting.is_here(plan, "writer"):
        return Finding("keys", "ok", f"{name} is not set; a server on this machine may need none")
    return Finding("keys", "fail", f"the environment has no {name}", f"export {name}=...")


def _embedder_asset(plan: Plan) -> str:
    from rpsg.models.build import EMBEDDER_ASSET, INT8_ASSET  # noqa: PLC0415  # as _noise

    assets_of = {"minilm": EMBEDDER_ASSET, "static": EMBEDDER_ASSET, "int8": INT8_ASSET}
    return assets_of.get(plan.models.embedder, plan.models.embedder)


def _weights(name: str, model: str) -> Finding:
    """Whether the files of a model of the catalogue are here, with the pinned digests."""
    if model in CATALOGUE:
        assets.check(model)
        return Finding(name, "ok", f"{model} is here, as its digest says")
    if model.endswith(".gguf"):
        assets.locate(model)
        return Finding(name, "ok", "the file is here; no digest is pinned for it")
    return Finding(name, "ok", f"{model} needs none that RPSG knows")


def _settings(plan: Plan) -> Finding:
    check_settings(plan)
    return Finding("settings", "ok", f"the method {plan.method.name} does what the plan asks for")


def seed_models(plan: Plan) -> dict[str, Callable[[], Named]]:
    """How each model is made that only methods with private seeds have, where the plan asks for weights."""
    method, paper = plan.method.name, plan.paper
    wanted: dict[str, tuple[bool, Callable[[], Named]]] = {
        "summariser": (paper.abstracter == "summariser", partial(_summariser, plan)),
        "surrogate": (method == "paper" and paper.surrogate == "transformers", partial(_surrogate, plan)),
        "recogniser": (paper.recogniser == "presidio", partial(_recogniser, plan)),
    }
    return {name: make for name, (is_wanted, make) in wanted.items() if is_wanted and method in SEEDED}


def _of_seeds(name: str, make: Callable[[], Named]) -> Finding:
    """Making it finds what it needs: packages, weights in a safe form, room for them in memory."""
    return Finding(name, "ok", f"{make().name}: what it needs is here")


def _summariser(plan: Plan) -> Named:
    from rpsg.models.torch_models.summariser import Seq2SeqSummariser  # noqa: PLC0415  # optional package

    return Seq2SeqSummariser(plan.paper.summariser)


def _surrogate(plan: Plan) -> Named:
    from rpsg.models.torch_models.surrogate import FineTuned  # noqa: PLC0415  # optional package

    return FineTuned(plan.paper.surrogate_model, epochs=plan.paper.surrogate_epochs)


def _recogniser(plan: Plan) -> Named:
    from rpsg.models.presidio import PresidioRecogniser  # noqa: PLC0415  # optional package

    return PresidioRecogniser(plan.paper.recogniser_model or None)


def _embedder(plan: Plan) -> Finding:
    """Unit rows, the same for the same text, and alike texts nearer than others."""
    began = time.monotonic()
    embedder: Embedder = registry.embedder(
        plan.models.embedder, threads=plan.models.threads, server=plan.server
    )
    rows = embedder.embed(_SENTENCES)
    took = time.monotonic() - began
    if rows.shape != (len(_SENTENCES), embedder.dim) or abs((rows**2).sum(axis=1) - 1).max() > 1e-3:
        return Finding("embedder", "fail", "its rows are not of unit length", "Choose another --embedder.")
    near, far = float(rows[0] @ rows[1]), float(rows[0] @ rows[2])
    detail = f"{embedder.name}: unit rows of {embedder.dim} in {took:.1f} s"
    if near <= far:
        return Finding(
            "embedder", "warn", f"{detail}, but alike texts are not near", "Try another --embedder."
        )
    return Finding("embedder", "ok", detail)


def _scorer(plan: Plan) -> Finding:
    """The canary of a scorer: English is likelier than the same words in disorder."""
    if plan.models.scorer is None:
        return Finding("scorer", "ok", "the plan names none")
    scorer = registry.scorer(plan.models.scorer, threads=plan.models.threads)
    if plan.models.scorer == "fake":  # all others were tried when they were made
        check_scorer(scorer)
    return Finding("scorer", "ok", f"{scorer.name}: its probabilities pass the canary")


def _writer(plan: Plan) -> Finding:
    """One token from the writer, from a prompt without any meaning."""
    began = time.monotonic()
    models = plan.models
    # One thread: two wait for each other in a loop, which on a busy machine takes three times as long.
    writer = registry.writer(models.writer, slots=1, threads=1, context=models.context, server=plan.server)
    request = Request((Message("user", "Say yes."),), max_tokens=1, seed=1)
    (reply,) = writer.write([request])
    took = time.monotonic() - began
    if reply.finish == "error":
        reason = reply.error or "no reason was given"
        return Finding("writer", "fail", f"{writer.name} failed: {reason}", "Choose another --writer.")
    return Finding("writer", "ok", f"{writer.name}: the first token after {took:.1f} s")
