"""The parts of a ledger besides its mechanisms: privacy unit, inputs, outputs and flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from rpsg.privacy.claims import ADVERSARIES

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
    """A public input of the run; ``sha256`` if it is a file."""

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
class UnprotectedFlow:
    """A flow of private data into the release without a mechanism."""

    origin: str
    to: str
    what: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything in the ledger of a run except its account.

    ``claim_words`` is for methods without a formal claim, which describe themselves. ``noise_source`` names a
    noise source outside of the ledger's mechanisms. ``in_the_clear``: private files were not encrypted.
    ``n_public`` is the declared number of units, ``counted`` the noisy one, and ``noise_decides`` whether the
    noisy one is so small that noise dominates the counts.
    """

    reads: Reads
    method: str
    claim: ClaimType
    unit: PrivacyUnit
    outputs: tuple[Output, ...]
    generation_seed: int | None
    public_inputs: tuple[PublicInput, ...] = ()
    egress: tuple[Egress, ...] = ()
    flows: tuple[UnprotectedFlow, ...] = ()
    audit_verdict: Literal["no_violation_found", "violation", "not_run"] = "not_run"
    claim_words: str = ""
    noise_source: str = ""
    status: Literal["valid", "aborted", "research_only"] = "valid"
    protects_against: tuple[str, ...] = ADVERSARIES
    in_the_clear: bool = False
    n_public: int | None = None
    counted: int | None = None
    noise_decides: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """The parts of a public ledger that cannot be derived from the rest of its release.

    ``code`` comes from ``ledger.code_facts``; ``commitment`` is the public half of the data's commitment,
    ``audit`` a published audit (``published_audit.py``).
    """

    ledger_id: str
    code: Mapping[str, Any]
    commitment: Mapping[str, Any] | None = None
    previous_sha256: str | None = None
    signer: Mapping[str, Any] | None = None
    audit: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, ledger: Mapping[str, Any]) -> Self:
        """The free facts in a ledger that matches the schema."""
        return cls(
            ledger["ledger_id"],
            ledger["code"],
            ledger.get("private_commitment"),
            ledger["chain"]["prev_sha256"],
            ledger.get("signer"),
            ledger.get("published_audit"),
        )
