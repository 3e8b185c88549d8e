"""The sections of the plan about models, servers, limits, sampling and keys."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import field_validator

from rpsg.disk.json_text import strict_json
from rpsg.plan.setting import Name, Section, setting

#: What RPSG itself puts into every request, in lower case: headers, and fields of the body.
OWN_HEADERS = frozenset({"host", "content-type", "content-length", "accept-encoding", "transfer-encoding"})
OWN_FIELDS = frozenset(
    {
        *(
            "model",
            "messages",
            "prompt",
            "input",
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
        ),
        *("seed", "stop", "n", "stream", "tools", "add_generation_prompt", "continue_final_message"),
    }
)


class ModelsSection(Section):
    """Which models write and compare: by name, path or hub id.

    If ``form`` is auto, ``api`` in ``[server]`` decides which API of a server is used; otherwise ``form``
    decides.
    """

    panel: ClassVar[str] = "Models and speed"
    writer: str = setting(
        "gemma-3-270m",
        "Model that writes: a name, or the path of its weights. See: rpsg list writers.",
        option="--writer NAME",
        only_generation=True,
    )
    embedder: str = setting(
        "minilm", "Model that compares texts. See: rpsg list embedders.", option="--embedder NAME"
    )
    scorer: str | None = setting(
        None, "Model that scores how natural a text is. See: rpsg list scorers.", only_generation=True
    )
    sentiment: str | None = setting(
        None,
        "Sentiment classifier. Default: one that fits the embedder. See: rpsg list classifiers.",
        option="--sentiment NAME",
    )
    slots: int | None = setting(
        None,
        "How many texts a local model writes at the same time.",
        option="--slots N",
        identity=False,
        ge=1,
        le=256,
    )
    threads: int | None = setting(
        None, "Processor threads that local models use.", option="--threads N", identity=False, ge=1, le=256
    )
    context: int = setting(
        2048,
        "Context length of a local writer, in tokens; a server has its own limit.",
        only_generation=True,
        ge=256,
        le=131072,
    )
    form: Literal["auto", "chat", "text"] = setting(
        "auto",
        "How the writer is prompted: chat, text (a document to continue) or auto (as suits its weights).",
        only_generation=True,
    )


class ServerSection(Section):
    """The server of a writer or embedder that is named openai:MODEL or azure:DEPLOYMENT.

    The host of the server is part of the writer's name, and so of the run's identity.

    A loopback address does not prove that a server runs on this machine: a tunnel or a proxy looks the same.
    So without ``this_machine`` no private text is sent to a server.

    With ``plain_http`` requests go unencrypted to another machine. Anybody who can listen on the network in
    between (in a cluster its administrators, and every host on the same segment) can read each prompt, each
    text and the key. In most methods no prompt contains private text; ``rpsg plan`` says what the writer is
    sent.
    """

    panel: ClassVar[str] = "Models and speed"
    only_generation: ClassVar[bool] = True
    base_url: str = setting(
        "",
        "Address of the server, such as http://127.0.0.1:11434/v1. Empty: https://api.openai.com/v1.",
        option="--base-url URL",
        identity=False,
    )
    this_machine: bool = setting(
        default=False,
        about="States that the server runs on this machine, not behind a tunnel or a proxy to another one.",
    )
    key_env: str = setting(
        "OPENAI_API_KEY",
        "Environment variable that holds the key. The key itself is never written into a plan.",
        identity=False,
    )
    api: Literal["chat", "completions"] = setting("chat", "Which API to use: chat or completions.")
    api_version: str = setting("", "Version of the API, for Azure.")
    plain_http: bool = setting(
        default=False,
        about="Allow http to another machine: anybody who listens on that network can read prompts and key.",
        option="--plain-http ",
        identity=False,
        added_later=True,
    )
    headers: tuple[str, ...] = setting(
        (),
        "Additional headers, as NAME=VARIABLE: the value is read from the environment variable.",
        option="--extra-header NAME=VARIABLE,...",
        identity=False,
        added_later=True,
    )
    body: str = setting(
        "",
        """Additional fields of each request, as JSON: '{"top_k": 20}'. Published with the release.""",
        option="--extra-body JSON",
        added_later=True,
    )
    certificate_env: str = setting(
        "",
        "Environment variable with the path of this client's certificate and key (PEM), for mutual TLS.",
        identity=False,
        added_later=True,
    )
    organization: str = setting("", "Sent as the header OpenAI-Organization.", identity=False)
    project: str = setting("", "Sent as the header OpenAI-Project.", identity=False)
    concurrency: int = setting(
        64,
        "Maximum number of requests at the same time; RPSG sends fewer while the server is slow.",
        identity=False,
        ge=1,
        le=4096,
    )
    timeout: float = setting(
        300.0, "Maximum number of seconds that one request may take.", identity=False, gt=0
    )
    retries: int = setting(
        6,
        "Maximum number of times that a request without an answer is sent again.",
        identity=False,
        ge=0,
        le=100,
    )

    @field_validator("headers")
    @classmethod
    def _headers_name_variables(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for header in value:
            if not re.fullmatch(r"[A-Za-z0-9-]{1,60}=[A-Za-z_][A-Za-z0-9_]{0,99}", header):
                raise ValueError(
                    "a header is written NAME=VARIABLE, with the environment variable that holds its value, "
                    "because the value may be secret and a plan is public"
                )
            if header.partition("=")[0].lower() in OWN_HEADERS:
                raise ValueError(
                    "one of the headers is one that RPSG itself puts into every request; leave it out"
                )
        if len({header.partition("=")[0].lower() for header in value}) < len(value):
            raise ValueError("a header is named twice")
        return value

    @field_validator("body")
    @classmethod
    def _body_is_an_object(cls, value: str) -> str:
        try:
            fields = strict_json(value or "{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise ValueError(  # noqa: TRY004  # pydantic wants it
                'it must be one JSON object, such as {"top_k": 20}, with each key once and without NaN'
            )
        if own := OWN_FIELDS & fields.keys():
            raise ValueError(
                f"{', '.join(sorted(own))}: set by the plan or the pack, so it cannot be set here"
            )
        return value


class LimitsSection(Section):
    """Limits on what the writer may use. A run stops cleanly at a limit; raise the limit to resume it."""

    panel: ClassVar[str] = "Limits (a run stops cleanly at one; raise it to resume)"
    tokens: int | None = setting(
        None,
        "Maximum number of tokens that the writer uses, for prompts and texts together.",
        option="--max-tokens N",
        identity=False,
        ge=1,
    )
    requests: int | None = setting(
        None,
        "Maximum number of requests to the writer.",
        option="--max-requests N",
        identity=False,
        ge=1,
    )
    cost: float | None = setting(
        None,
        "Maximum cost of the writer, in the currency of the table of prices.",
        option="--max-cost X",
        identity=False,
        gt=0,
    )
    seconds: float | None = setting(
        None, "Maximum number of seconds spent writing.", option="--max-seconds S", identity=False, gt=0
    )
    prices: Name = setting(
        "",
        "A file with the prices of models. RPSG includes no provider's prices.",
        option="--prices FILE",
        identity=False,
    )


class GenerationSection(Section):
    """The public randomness of prompts and sampling. The noise does not depend on it.

    A prompt shows those of the pack's ``examples`` whose length is closest to the length to write, and fewer
    if they would fill the context.
    """

    panel: ClassVar[str] = "The method"
    only_generation: ClassVar[bool] = True
    seed: int = setting(
        0, "Seed of prompts and sampling; the noise never has one.", option="--seed N", ge=0, lt=2**63
    )
    temperature: float | None = setting(
        None, "Sampling temperature. Default: that of the domain pack, or of the paper.", gt=0, le=2
    )
    top_p: float | None = setting(
        None,
        "Top-p: sample from the likeliest tokens up to this probability. Default: the pack's or the paper's.",
        gt=0,
        le=1,
    )
    examples: int = setting(4, "How many of the pack's invented examples a prompt shows.", ge=0, le=20)


class VaultSection(Section):
    """How a run's private files are encrypted on this machine.

    The key is in ``vault.key`` in the state folder ("file"), in the environment variable RPSG_VAULT_KEY
    ("env") or in the desktop's keyring ("keyring"). With "none" the files are not encrypted, and the release
    says so.
    """

    panel: ClassVar[str] = "The private texts"
    key: Literal["file", "env", "keyring", "none"] = setting(
        "file",
        "Where the key of the run's private files is: file, env, keyring or none (not encrypted).",
        option="--vault WHERE",
    )
