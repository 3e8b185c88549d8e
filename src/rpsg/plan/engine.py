"""The section of the plan about where batches of models run."""

from __future__ import annotations

from typing import ClassVar, Literal

from rpsg.plan.setting import Section, setting


class EngineSection(Section):
    """Where the writer writes and public texts are embedded: in this process, or by workers on a Ray cluster.

    Both engines give the same texts. Private text is never sent to a worker: with ``ray``, methods whose
    prompts contain private text are refused. With ``reads_private`` the workers open the private file
    themselves, to count shards of it. Anybody who can reach the ports of a cluster can run code on its nodes.
    """

    panel: ClassVar[str] = "Models and speed"
    kind: Literal["local", "ray"] = setting(
        "local",
        "Where the texts are written: local (in this process) or ray (by workers on a Ray cluster).",
        option="--engine KIND",
        identity=False,
        added_later=True,
    )
    address: str = setting(
        "",
        "Ray cluster: HOST:PORT, or auto for the one on this machine. Empty: one is started for the run.",
        option="--ray-address ADDRESS",
        identity=False,
        added_later=True,
        pattern=r"^(auto|[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9a-fA-F:]{2,39}\]:[0-9]{1,5})?$",
    )
    workers: int | None = setting(
        None,
        "How many workers write. Default: as many as fit into the cluster.",
        option="--workers N",
        identity=False,
        added_later=True,
        ge=1,
        le=4096,
    )
    cpus: float = setting(
        1.0,
        "Processor cores of each worker, and threads of its models unless models.threads is set.",
        identity=False,
        added_later=True,
        ge=0,
        le=1024,
    )
    gpus: float = setting(
        0.0,
        "GPUs of each worker; with a fraction such as 0.5, several workers share one GPU.",
        identity=False,
        added_later=True,
        ge=0,
        le=64,
    )

    reads_private: bool = setting(
        default=False,
        about="States that every node may hold the private texts, because workers open the file to count "
        "shards.",
        identity=False,
        added_later=True,
    )

    @property
    def is_elsewhere(self) -> bool:
        """Whether workers may be on other machines: with Ray, unless the run starts the cluster itself."""
        return self.kind == "ray" and bool(self.address)
