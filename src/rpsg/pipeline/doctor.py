"""What works on this machine and what does not, each with the fix. No private row is used.

The checks are independent: if one fails or breaks, all others are still shown.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
import socket
import stat
import tempfile
from contextlib import closing
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from rpsg.disk.files import nearest
from rpsg.disk.system import CANNOT, WAY_ROUND, is_able
from rpsg.errors import RpsgError
from rpsg.models.hardware import available_memory, cores
from rpsg.pipeline.doctor_models import model_checks
from rpsg.pipeline.doctor_plan import plan_checks
from rpsg.pipeline.obstacles import LEAST_DISK
from rpsg.pipeline.packages import missing as needed_packages
from rpsg.privacy.book import BOOK
from rpsg.privacy.odometer import state_folder
from rpsg.release.run import Diagnosis
from rpsg.storage.layout import EVIDENCE, PRIVATE, RUN
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rpsg.plan import Plan

_LEAST_DISK = 1 << 30
_LEAST_MEMORY = 1 << 30
_DRAWS = 20_000
_SIGMA = 12.0
#: The standard errors by which a mean or a variance may deviate: a correct source fails once in 10^9 checks.
_BOUND = 6.0


def examine(plan: Plan, run: Path | None = None) -> Iterator[Diagnosis]:
    """The findings, one by one as they are made; ``run`` is a run folder whose file modes are checked."""
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    checks: tuple[tuple[str, Callable[[], Diagnosis]], ...] = (
        ("Python", lambda: Diagnosis("Python", "ok", python)),
        ("packages", lambda: _packages(plan)),
        ("processor and memory", _machine),
        ("disk", _disk),
        ("state folder", _state),
        *((("run folder", lambda: run_modes(run)),) if run else ()),
        ("loopback", _loopback),
        ("randomness", _randomness),
        ("noise", _noise),
        *plan_checks(plan),
        *model_checks(plan),
    )
    for name, check in checks:
        yield _isolated(name, check)


def _isolated(name: str, check: Callable[[], Diagnosis]) -> Diagnosis:
    """What the check found, or how it failed. Messages of errors that are not RPSG's are not shown."""
    try:
        return check()
    except RpsgError as error:
        return Diagnosis(name, "fail", error.message, error.hint)
    except OSError as error:
        return Diagnosis(name, "fail", f"The system refused: {error.strerror or type(error).__name__}.")
    except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
        return Diagnosis(name, "fail", f"The check broke: {type(error).__name__}.", "Please report this.")


def _packages(plan: Plan) -> Diagnosis:
    """The version of RPSG, which extras are completely installed, and whether the plan needs others."""
    missing: dict[str, list[str]] = {}
    for line in requires("rpsg") or ():
        requirement, _, condition = line.partition(";")
        extra = condition.partition("extra ==")[2].strip(" '\"")
        package = requirement.split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        missing.setdefault(extra, []).extend([] if _installed(package) else [package])
    core = missing.pop("", [])
    if core:
        return Diagnosis(
            "packages", "fail", f"missing: {', '.join(core)}", "pip install --force-reinstall rpsg"
        )
    if lacking := next(needed_packages(plan), ""):
        detail, _, fix = lacking.rpartition(": ")
        return Diagnosis("packages", "fail", detail, fix)
    here = [extra for extra, packages in missing.items() if not packages]
    not_here = [extra for extra, packages in missing.items() if packages]
    detail = f"rpsg {VERSION}; extras installed: {', '.join(here) or 'none'}"
    if not_here:
        detail += f"; not installed, and needed only for some features: {', '.join(not_here)}"
    if "local" in not_here:
        return Diagnosis("packages", "warn", detail, "For models on this machine: pip install 'rpsg[local]'")
    return Diagnosis("packages", "ok", detail)


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _machine() -> Diagnosis:
    memory = available_memory()
    detail = f"{cores()} cores, " + ("memory unknown" if memory is None else f"{memory >> 20:,} MB free")
    if memory is not None and memory < _LEAST_MEMORY:
        return Diagnosis(
            "processor and memory", "warn", detail, "Close other programs, or use a smaller model."
        )
    return Diagnosis("processor and memory", "ok", detail)


def _disk() -> Diagnosis:
    free = shutil.disk_usage(nearest(state_folder())).free
    detail = f"{free >> 20:,} MB free where RPSG keeps its state"
    if free < LEAST_DISK:
        return Diagnosis("disk", "fail", detail, "Free some space, or move the folder with RPSG_HOME.")
    if free < _LEAST_DISK:
        return Diagnosis("disk", "warn", detail, "Free some space, or move the folder with RPSG_HOME.")
    return Diagnosis("disk", "ok", detail)


def _state() -> Diagnosis:
    """Whether the state folder, or the one it will be made in, can be written and is closed to others.

    A run closes the folder itself if it is the user's own, but refuses a key or an account book in it that
    others may have read.
    """
    if not is_able():
        return Diagnosis("state folder", "fail", CANNOT, WAY_ROUND)
    folder = state_folder()
    try:
        with tempfile.TemporaryFile(dir=nearest(folder)) as file:
            file.write(b"x")
    except OSError as error:
        detail = f"{folder} cannot be written: {error.strerror or 'the system refused'}"
        return Diagnosis("state folder", "fail", detail, "Name another folder: export RPSG_HOME=FOLDER")
    return modes("state folder", folder, (folder / BOOK, *folder.glob("*.key")))


def modes(name: str, folder: Path, inside: Iterable[Path] = ()) -> Diagnosis:
    """Whether only its owner can open a folder, and the files ``inside`` it.

    A run closes a folder of its user itself, so an open folder need not be closed before.
    """
    if not folder.exists():
        return Diagnosis(name, "ok", "not there yet; it will be made so that only its owner can open it")
    fix = f"chmod -R go= {folder}"
    if any(_is_loose(path) for path in inside if path.exists() and not path.is_symlink()):
        return Diagnosis(name, "fail", "people other than its owner can open parts of it", fix)
    if not _is_loose(folder):
        return Diagnosis(name, "ok", "only its owner can open it")
    detail = "people other than its owner can open it"
    if os.geteuid() in {0, folder.stat().st_uid}:
        return Diagnosis(name, "warn", f"{detail}; the next run closes it to them", fix)
    return Diagnosis(name, "fail", detail, fix)


def _is_loose(path: Path) -> bool:
    """Whether people other than its owner can open it."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def run_modes(run: Path) -> Diagnosis:
    """The modes of a run folder, of its evidence, and of everything in its private folder."""
    if not (run / RUN).is_file():
        return Diagnosis(
            "run folder", "fail", "this is not a run folder", "Name the folder that was given to rpsg run -o."
        )
    parts = (
        modes("run folder", run),
        modes("run folder", run / EVIDENCE),
        modes("run folder", run / PRIVATE, (run / PRIVATE).rglob("*")),
    )
    return max(parts, key=lambda part: ("ok", "warn", "fail").index(part.status))


def _loopback() -> Diagnosis:
    """Send a byte through a loopback socket, which llama.cpp in this process needs."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(5)
        with closing(socket.create_connection(server.getsockname()[:2], timeout=5)) as client:
            other, _ = server.accept()
            with closing(other):
                client.sendall(b"x")
                came = other.recv(1) == b"x"
    if came:
        return Diagnosis("loopback", "ok", "loopback sockets work on this machine")
    return Diagnosis(
        "loopback",
        "fail",
        "a byte that was sent over a loopback socket did not arrive",
        "Check that no firewall blocks 127.0.0.1.",
    )


def _randomness() -> Diagnosis:
    """Whether the system's random generator answers without delay and does not repeat itself."""
    drawn = {random_bytes() for _ in range(8)}
    if len(drawn) == 8:
        return Diagnosis("randomness", "ok", "the operating system gives random bytes at once")
    return Diagnosis(
        "randomness",
        "fail",
        "the operating system gave the same random bytes twice",
        "Do not run anything private here.",
    )


def random_bytes() -> bytes:
    if hasattr(os, "getrandom"):
        return os.getrandom(32, os.GRND_NONBLOCK)
    return os.urandom(32)


def _noise() -> Diagnosis:
    """Whether mean and variance of the noise are within six standard errors.

    A rounded normal has variance sigma^2 + 1/12; the sample variance of n draws has a relative standard
    error of sqrt(2 / n).
    """
    from rpsg.privacy.noise import RoundedGaussian  # noqa: PLC0415  # so that a broken numpy is a finding

    drawn = RoundedGaussian().draw(_SIGMA, _DRAWS)
    variance = _SIGMA**2 + 1 / 12
    off = abs(float(drawn.mean())) / math.sqrt(variance / _DRAWS)
    spread = abs(float(drawn.var()) / variance - 1) / math.sqrt(2 / _DRAWS)
    if max(off, spread) <= _BOUND:
        detail = f"mean and variance of {_DRAWS:,} draws are as expected"
        return Diagnosis("noise", "ok", detail)
    return Diagnosis(
        "noise",
        "fail",
        "the noise does not have a normal distribution",
        "Do not run anything private here; report this.",
    )
