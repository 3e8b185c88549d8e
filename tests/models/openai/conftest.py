"""A real server of the local writer's weights, on the loopback interface, behind a key."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from rpsg.models.download import locate
from rpsg.models.llamacpp.server import LlamaServer, _parameters
from rpsg.plan import ServerSection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "RPSG_TEST_KEY"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSection]:
    """Where it is, as a plan says it; its key is in the environment for as long as it runs."""
    server = LlamaServer(
        locate("smollm2-135m"),
        slots=6,
        context=512,
        threads=1,
        chat=True,
        narrow=False,
        state=tmp_path_factory.mktemp("slots"),
        verbose=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, server._key)
        yield ServerSection(base_url=f"http://{server._host}:{server._port}/v1", key_env=KEY, concurrency=6)
    server.close()


@pytest.fixture(scope="module")
def llama_rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSection]:
    """The same weights on a server that gives rows in place of texts."""
    import xllamacpp

    path, state = locate("smollm2-135m"), tmp_path_factory.mktemp("rows")
    parameters = _parameters(path, 1, 512, 1, state, verbose=False)
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(parameters)
    yield ServerSection(base_url=server.listening_address)
    del server


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """A certificate for a name, and its key, signed by itself."""

    def made(name: str) -> tuple[Path, Path]:
        key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.crt"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        return certificate, key

    return made
