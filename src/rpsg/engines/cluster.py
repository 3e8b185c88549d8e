"""The connection of this process to a Ray cluster: the plan's, or one that is started on this machine.

Anybody who can reach the ports of a cluster can run code on its nodes. A cluster that is started here listens
on the loopback address alone and asks for a token that only this process and its workers know. Neither kind
of cluster sends usage statistics, and nothing that workers print reaches this process.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, PrivacyError, UsageError, needed
from rpsg.machine.signals import signals_later
from rpsg.models.hardware import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.plan import EngineSection

_LOOPBACK = "127.0.0.1"
#: Requests and replies are a few kilobytes each and are fetched as they arrive.
_OBJECT_STORE = 80 << 20
#: Seconds to wait for the answer of a cluster.
_SECONDS = 10.0
#: The node of a cluster that this module started in this process, by its id in Ray; empty if there is none.
own_nodes: list[str] = []


def connect(engine: EngineSection) -> Any:
    """The module ``ray``, connected to the cluster of the plan. It stays connected until the process ends.

    A program that calls this one may have connected the process itself, and may connect it to another cluster
    between two runs. So each time Ray is asked where the process is connected, and a plan that names another
    cluster is refused: private texts are read only on nodes that the plan names.

    Raises:
        MissingExtraError: Ray is not installed.
        ModelError: no cluster answers, or it has another version of Ray or Python.
        UsageError: the process is connected to another cluster.
        PrivacyError: Ray would listen on the network of this machine.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when the package is imported
    with needed("ray", "ray"):
        import ray
    if not ray.is_initialized():
        own_nodes[:] = []
        _silence()
        with _same_sigterm():
            if engine.address:
                _read_environment()
                _join(ray, engine.address)
            else:
                with signals_later(), _settings_of_own():  # half a cluster could not be stopped
                    _read_environment()
                    _start(ray)
                    own_nodes.append(ray.get_runtime_context().get_node_id())
    if not _is_connected_to(ray, engine.address):
        raise UsageError(
            "This process is connected to another Ray cluster than that of the plan.",
            hint="Name that cluster in the plan ([engine] address = HOST:PORT), or make this run in a new "
            "process.",
        )
    return ray


def _is_connected_to(ray: Any, address: str) -> bool:
    """Whether Ray says that this process is connected to this cluster; False if that cannot be found out."""
    try:
        is_own = own_nodes == [ray.get_runtime_context().get_node_id()]
        if not address or is_own:
            return is_own and not address
        if address == "auto":
            from ray._private.services import canonicalize_bootstrap_address_or_die

            address = canonicalize_bootstrap_address_or_die("auto")
        return not _places(ray, address).isdisjoint(_places(ray, ray.get_runtime_context().gcs_address))
    except Exception:  # noqa: BLE001  # of many kinds; a connection of another kind has no such address
        return False


def _places(ray: Any, address: str) -> set[tuple[str, int]]:
    """The IP addresses and port that ``HOST:PORT`` stands for; this machine's loopback addresses are one."""
    host, _, port = address.rpartition(":")
    here = {_LOOPBACK, "::1", str(ray.util.get_node_ip_address())}
    found = {str(info[4][0]) for info in socket.getaddrinfo(host.strip("[]"), int(port))}
    return {(ip, int(port)) for ip in (found | here if found & here else found)}


def _join(ray: Any, address: str) -> None:
    """Connect to a cluster that runs; this machine has to be one of its nodes."""
    try:
        if address != "auto":  # Ray would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
        ray.init(address=address, log_to_driver=False, configure_logging=False, namespace=_namespace())
    except Exception as error:  # noqa: BLE001  # of many kinds, whose messages are for users of Ray itself
        kind = type(error).__name__
    else:
        return
    raise ModelError(
        f"No Ray cluster could be joined at {address} ({kind}).",
        hint="This machine must be one of its nodes, with the same versions of Ray and Python: "
        f"ray start --address={address}",
    )


def _start(ray: Any) -> None:
    """Start a cluster of one node that other machines cannot reach; it ends with this process."""
    # Ray replaces the loopback address by one that others can reach, unless clusters are switched off.
    from ray._private import ray_constants

    # For this user alone, because Ray lets everybody read what it makes. Its sockets need a short path.
    short = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108  # mkdtemp is safe there
    folder = Path(tempfile.mkdtemp(prefix="rpsg-ray-", dir=short))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        ray.init(
            address="local",
            num_cpus=cores(),
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            namespace=_namespace(),
            object_store_memory=_OBJECT_STORE,
            _temp_dir=str(folder / "ray"),
        )
    except Exception as error:  # noqa: BLE001  # as above
        kind = type(error).__name__
    else:
        kind = ""
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
    if kind:
        raise ModelError(
            f"Ray could not be started on this machine ({kind}).", hint="rpsg run --engine local"
        )
    atexit.register(ray.shutdown)  # runs before the folder is removed: the last one registered runs first
    if ray.util.get_node_ip_address() != _LOOPBACK:
        ray.shutdown()
        raise PrivacyError(
            "Ray would listen on the network of this machine.",
            hint="This version of Ray always does: start a cluster, and name it with --ray-address HOST:PORT",
        )


def _silence() -> None:
    """Keep Ray's own reports about lost workers off the screen; RPSG prints its own messages."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


@contextmanager
def _settings_of_own() -> Iterator[None]:
    """The environment in which a cluster is started here; afterwards the earlier one is restored, for
    clusters of others.
    """
    here = {"RAY_worker_niceness": "0", "RAY_AUTH_MODE": "token"}  # normal: the run waits for the workers
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        here["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    added = {name: value for name, value in here.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _read_environment() -> None:
    """Have Ray read its variables again: it does so only once, and the program may have used it before."""
    from ray import _raylet

    compiled: Any = _raylet  # its types are not declared
    compiled.Config.initialize("")
    compiled.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _same_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM. Ray replaces the handler twice: by one that ends the process without a
    message, and then by one that prints a trace and aborts.
    """
    from ray._private import utils

    handler, setter = signal.getsignal(signal.SIGTERM), utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda _: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = setter
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _namespace() -> str:
    return f"rpsg-{secrets.token_hex(8)}"
