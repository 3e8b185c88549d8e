"""What a ledger tells about a run besides its mechanisms: who is protected, what came in, what went out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.privacy.claims import PrivacyUnit
    from rpsg.protocols import Reads

ClaimType = Literal["end_to_end_dp", "voters_only_dp", "no_formal_guarantee", "no_private_data"]


@dataclass(frozen=True, slots=True)
class Output:
    """A released file: its name, hash, and number of records."""

    name: str
    sha256: str
    records: int


@dataclass(frozen=True, slots=True)
class PublicInput:
    """Something public the run was given. ``sha256`` where it is a file."""

    name: str
    role: str
    sha256: str = ""
    declared_by: str = "operator"


@dataclass(frozen=True, slots=True)
class Egress:
    """What a model was sent, and whether it runs on this machine."""

    endpoint_class: Literal["local_model", "remote_llm", "remote_embedding"]
    carries: Literal["public_only", "dp_outputs", "abstracted_private", "raw_private"]
    model: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A way by which private data reached the release without a mechanism."""

    origin: str
    to: str
    what: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the ledger tells about a run besides its account.

    ``claim_words`` is for methods without a formal claim, which say in their own words what they do.
    ``noise_source`` names the source of noise that no mechanism of the ledger drew from. ``in_the_clear``
    says that the run kept its private files without encryption. ``n_public`` is the declared number of
    units, ``counted`` the noisy one, and ``noise_decides`` whether that is so small that noise
    outweighs what was counted.
    """

    reads: Reads
    method: str
    claim: ClaimType
    unit: PrivacyUnit
    outputs: tuple[Output, ...]
    generation_seed: int | None
    public_inputs: tuple[PublicInput, ...] = ()
    egress: tuple[Egress, ...] = ()
    flows: tuple[Flow, ...] = ()
    audit_verdict: Literal["no_violation_found", "violation", "not_run"] = "not_run"
    claim_words: str = ""
    noise_source: str = ""
    status: Literal["valid", "aborted", "research_only"] = "valid"
    protects_against: tuple[str, ...] = ("release_recipient", "llm_provider", "log_reader")
    in_the_clear: bool = False
    n_public: int | None = None
    counted: int | None = None
    noise_decides: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """What a public ledger says that follows from nothing else in its release.

    ``code`` is what ``ledger.code_facts`` gives, and ``commitment`` the public half of the one to the data.
    """

    ledger_id: str
    code: Mapping[str, Any]
    commitment: Mapping[str, Any] | None = None
    previous_sha256: str | None = None
    signer: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, ledger: Mapping[str, Any]) -> Self:
        """The same as a ledger of the right form tells it."""
        return cls(
            ledger["ledger_id"],
            ledger["code"],
            ledger.get("private_commitment"),
            ledger["chain"]["prev_sha256"],
            ledger.get("signer"),
        )
