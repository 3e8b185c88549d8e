"""A domain pack read from its folder, and found by its name."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rpsg.arguments import suggestion
from rpsg.disk.toml_text import read_toml_file
from rpsg.domains.pack import Pack
from rpsg.domains.prompts import PROMPTS, SEED_PROMPTS, check_prompts, read_prompts
from rpsg.errors import UsageError, in_one_clause

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKS = Path(__file__).parent
GENERIC = PACKS / "generic"
NEEDED = "A pack needs pack.toml, " + ", ".join(PROMPTS)


def _read_values(folder: Path, attribute: dict[str, object]) -> dict[str, object]:
    """The attribute with the values, descriptions and groups of its file, if it names one.

    A line "# Coffee and tea" is the heading of the lines below it; "##" begins a comment. A file with a
    single heading has no groups: the heading is its title.
    """
    if not (file := attribute.get("file")):
        return attribute
    path = folder / str(file)
    if path.parent.resolve() != folder.resolve() or not path.is_file():
        raise UsageError(
            f"{folder / 'pack.toml'} names the file {file!r}, which is not in the pack's folder."
        )
    describe = str(attribute.get("describe", "{value}"))
    values, descriptions, groups = list[str](), list[str](), dict[str, list[str]]()
    heading = ""
    for line in map(str.strip, path.read_text(encoding="utf-8-sig").splitlines()):
        if line.startswith("#"):
            heading = heading if line.startswith("##") else line[1:].strip()
        elif line:
            value, _, text = line.partition(" | ")
            values.append(value.strip())
            descriptions.append(text.strip() or describe.format(value=value.strip()))
            groups.setdefault(heading, []).append(value.strip())
    if len(groups) > 1 and "" in groups:
        raise UsageError(
            f"{path} has values above its first heading.", hint="Give these values a heading too: # Name"
        )
    read = {**attribute, "values": values, "descriptions": descriptions}
    return {**read, "groups": groups} if len(groups) > 1 else read


def files_of(folder: Path, named: Iterable[str]) -> list[Path]:
    """The files of a pack: the standard ones and those named by its attributes."""
    own = ("pack.toml", *PROMPTS, *SEED_PROMPTS, *named)
    return sorted(path for name in set(own) if name and (path := folder / name).is_file())


def _fingerprint(folder: Path, named: Iterable[str]) -> str:
    """SHA-256 over names and contents of the files of a pack."""
    digest = hashlib.sha256(b"rpsg-pack/1\0")
    for path in files_of(folder, named):
        body = path.read_bytes()
        digest.update(f"{path.name}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()


def read_pack(folder: Path) -> Pack:
    """The pack in ``folder``; UsageError names the file and the key or the field that is wrong."""
    path = folder / "pack.toml"
    raw = read_toml_file(path, "domain pack", hint=NEEDED)
    try:
        raw["attributes"] = [_read_values(folder, a) for a in raw.get("attributes", [])]
        if any(a.get("kind") == "column" for a in raw["attributes"]):
            raise UsageError(
                f"{path} has an attribute of the kind column. Only a run can add those.",
                hint="Declare the column for a run: --columns 'priority=low|high'.",
            )
        named = [str(a.get("file") or "") for a in raw["attributes"]]
        prompts = read_prompts(folder, GENERIC)
        found = {"prompts": prompts, "sha256": _fingerprint(folder, named), "by_group": ()}
        pack = Pack.model_validate({**raw, **found})
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise UsageError(
            f"The domain pack {folder.name} has no {missing}.",
            hint=NEEDED,
        ) from None
    except ValidationError as error:
        # A misspelt key is also a missing one; reporting the misspelling helps more.
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        raise UsageError(f"{path}: {in_one_clause(first)}") from None
    check_prompts(folder, pack.prompts, pack.begins, pack.attributes)
    return pack


def find_pack(name: str) -> Pack:
    """The pack ``name``, which ships with RPSG or is a folder of the user.

    The errors are those of ``pack_folder`` and ``read_pack``.
    """
    folder = pack_folder(name)
    return _shipped(folder) if folder.parent == PACKS else read_pack(folder)


@cache
def _shipped(folder: Path) -> Pack:
    """A pack of RPSG, read once: its files are part of the program. The files of a user can change."""
    return read_pack(folder)


def pack_folder(name: str) -> Path:
    """The folder of the pack ``name``; UsageError lists the packs that ship."""
    if (Path(name) / "pack.toml").is_file():
        return Path(name)
    if re.fullmatch(r"[a-z0-9-]+", name) and (PACKS / name / "pack.toml").is_file():
        return PACKS / name
    known = pack_names()
    raise UsageError(
        f"There is no domain pack {name!r}.",
        hint=f"{suggestion(name, known)}Use one of: {', '.join(known)}; or the path of a folder with a "
        "pack.toml.",
    )


def pack_names() -> list[str]:
    return sorted(p.parent.name for p in PACKS.glob("*/pack.toml"))
