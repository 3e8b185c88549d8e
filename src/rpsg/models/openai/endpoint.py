"""The address of a server, whether it is this machine, and the credentials.

A key comes from one environment variable and goes into one header for one host. It appears in no name, no
message and no ``repr``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode, urlsplit

from rpsg.errors import ModelError, UsageError
from rpsg.privacy.egress import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.plan import ServerSection
    from rpsg.protocols import Endpoint

Kind = Literal["openai", "azure"]

OPENAI = "https://api.openai.com/v1"
_TASKS = ("/chat/completions", "/completions", "/embeddings", "/models")
_SECTION = "Check the section [server] of the plan."
_EXAMPLE = 'Write it as in base_url = "http://localhost:8000/v1", in the section [server] of the plan.'


@dataclass(frozen=True, slots=True)
class Address:
    """``root`` is the URL without a final slash; ``host`` includes the port, if there is one.

    ``is_local``: requests go to this machine's loopback interface. ``declared``: the operator declares that
    the server itself is on this machine.
    """

    root: str
    host: str
    is_local: bool
    declared: bool = False

    @property
    def endpoint(self) -> Endpoint:
        """Local only if address and operator agree: a tunnel to another machine has a local address too."""
        return "local_model" if self.is_local and self.declared else "remote_llm"

    @property
    def host_as_name(self) -> str:
        """The host in the name of a model. This machine is named without the port, which may change, and
        ``localhost`` counts as the same as its number.
        """
        name, _, port = self.host.rpartition(":")
        bare = name if self.is_local and port.isdigit() else self.host
        return "127.0.0.1" if bare == "localhost" else bare


def parse_address(base_url: str, *, plain_http: bool = False) -> Address:
    """The address in ``base_url``; one without a path gets the usual ``/v1``.

    Raises:
        UsageError: it is no http(s) URL, it holds a password, or it is plain http to another machine without
            ``plain_http``.
    """
    try:
        parts = urlsplit(base_url.strip())
        name, port = parts.hostname, parts.port
    except ValueError:
        name, port = None, None
    if not name or parts.scheme not in {"http", "https"}:
        raise UsageError("The base_url of the server is not an http or https address.", hint=_EXAMPLE)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "The base_url of the server has a password, a query or a fragment, which are not part of an "
            "address.",
            hint="Put the key into the environment variable that key_env names, and write nothing after the "
            "path of base_url.",
        )
    shown = f"[{name}]" if ":" in name else name
    host = f"{shown}:{port}" if port else shown
    local = is_loopback(host)
    if parts.scheme == "http" and not local and not plain_http:
        raise UsageError(
            f"Plain http to {host} would let anybody on the network in between read every text and the key.",
            hint="Use https, or forward the server's port to this machine with: ssh -L 8000:localhost:8000 "
            "HOST. "
            "Within a cluster whose network you trust, allow it with --plain-http.",
        )
    path = parts.path.rstrip("/")
    for task in _TASKS:  # the whole address of a task, as manuals show it
        path = path.removesuffix(task)
    return Address(f"{parts.scheme}://{host}{path or '/v1'}", host, local)


def address_of(kind: Kind, server: ServerSection) -> Address:
    """The address of the server in the plan; UsageError if it is required and missing."""
    if server.base_url:
        base_url = server.base_url
        if kind == "azure":  # the plan may name any endpoint of the resource
            base_url = base_url.strip().rstrip("/").removesuffix("/v1").removesuffix("/openai") + "/openai"
        found = parse_address(base_url, plain_http=server.plain_http)
        return replace(found, declared=server.this_machine)
    if kind == "azure":
        raise UsageError(
            "The plan does not name the Azure resource.",
            hint='Write base_url = "https://RESOURCE.openai.azure.com" into [server] of the plan.',
        )
    return parse_address(OPENAI)


def url_of(kind: Kind, address: Address, server: ServerSection, model: str, task: str) -> str:
    """The URL of ``task``, such as "chat/completions"."""
    if kind == "openai":
        return f"{address.root}/{task}"
    if not server.api_version:
        return f"{address.root}/v1/{task}"
    version = urlencode({"api-version": server.api_version})
    return f"{address.root}/deployments/{quote(model, safe='')}/{task}?{version}"


def headers_of(kind: Kind, server: ServerSection) -> dict[str, str]:
    """The headers with the credentials, read from the environment at each call and stored nowhere.

    Raises:
        ModelError: the value cannot be a key, or the variable of a header is not set.
        UsageError: the organization or the project is not a valid name.
    """
    if not all(_is_plain(name) for name in (server.organization, server.project)):
        raise UsageError(
            "The organization or the project in the section [server] is not a valid name.", hint=_SECTION
        )
    headers = {"OpenAI-Organization": server.organization, "OpenAI-Project": server.project}
    key = os.environ.get(server.key_env, "").strip()
    if not _is_plain(key):
        raise ModelError(
            f"The value of the environment variable {server.key_env} is not a key.",
            hint="Set it to the key alone, without quotes, spaces or line breaks.",
        )
    if key and kind == "azure":
        headers["api-key"] = key
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    return {**{name: value for name, value in headers.items() if value}, **dict(_extra(server))}


def lacks_key(kind: Kind, server: ServerSection) -> bool:
    """Whether the server needs a key and none is set. A server that the plan names by its address may need
    none. Errors as ``headers_of``.
    """
    needs_key = kind == "azure" or not server.base_url
    return needs_key and {"authorization", "api-key"}.isdisjoint(map(str.lower, headers_of(kind, server)))


def _extra(server: ServerSection) -> Iterator[tuple[str, str]]:
    """The headers of the plan with the values that the environment holds."""
    for header in server.headers:
        name, _, variable = header.partition("=")
        value = os.environ.get(variable, "").strip()
        if not value or not value.isascii() or not value.isprintable():
            raise ModelError(
                f"The environment variable {variable}, for the header {name}, "
                f"{'does not hold a valid value of a header' if value else 'is not set'}.",
                hint=f"Set it, for instance with: export {variable}=VALUE",
            )
        yield name, value


def certificate_of(server: ServerSection) -> str:
    """The path of this client's certificate; "" if the plan names none.

    Raises:
        ModelError: the variable is not set, or no file is there.
    """
    if not server.certificate_env:
        return ""
    path = os.environ.get(server.certificate_env, "").strip()
    if not Path(path).is_file():
        raise ModelError(
            f"The environment variable {server.certificate_env} names no file with a certificate.",
            hint="Set it to the path of a PEM file with the certificate of this client and its key.",
        )
    return path


def credentials_hint(kind: Kind, server: ServerSection) -> str:
    """What to check if the server refuses this client: which credentials were sent, by where they come from.

    Reads the environment to see whether a key is set, and says nothing else about it.
    """
    named = {header.partition("=")[0].lower() for header in server.headers}
    own_key = named.isdisjoint({"api-key"} if kind == "azure" else {"authorization"})
    has_key = bool(os.environ.get(server.key_env, "").strip())
    sent = [
        *([f"the key in {server.key_env}"] if own_key and has_key else []),
        *(f"the header {name} from {value}" for name, _, value in (h.partition("=") for h in server.headers)),
        *([f"the client certificate named by {server.certificate_env}"] if server.certificate_env else []),
        *([f"organization {server.organization}"] if server.organization else []),
        *([f"project {server.project}"] if server.project else []),
    ]
    check = (
        f"RPSG sent {', '.join(sent)}. Check that this is what the server asks for, and still valid."
        if sent
        else "RPSG sent no credentials."
    )
    if own_key and not has_key:
        check += (
            f" No key was sent, because {server.key_env} is not set: export {server.key_env}=... If the "
            "server asks for something else: --extra-header NAME=VARIABLE, or certificate_env in [server]."
        )
    return f"{check} Then test it with: rpsg doctor"


def _is_plain(value: str) -> bool:
    """Whether it can be the value of a header."""
    return value.isascii() and value.isprintable() and " " not in value
