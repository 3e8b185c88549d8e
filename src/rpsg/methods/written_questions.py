"""Questions as JSON, for machines that count shards: reading one gives the same question, to the last bit."""

from __future__ import annotations

import base64
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.domains import Pack
from rpsg.methods.questions import CardCounts, Headcount, SketchSum
from rpsg.privacy.histogram import Query
from rpsg.stages.annotate import Landmarks
from rpsg.stages.sketch import Features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.engines.base import Question

Asked = tuple[Query, "Question"]
_KINDS = {"<f4", "<f8"}
#: Parts of a pack that say how texts are written, not how they are counted.
_ABOUT_PROMPTS = {"prompts", "examples"}


def write_questions(asked: Sequence[Asked]) -> dict[str, Any]:
    """The questions as JSON values. Packs and landmarks that several of them share are written once."""
    packs: list[dict[str, Any]] = []
    landmarks: list[dict[str, Any]] = []
    lines = []
    for query, question in asked:
        line: dict[str, Any] = {"query": asdict(query)}
        if isinstance(question, CardCounts):
            marks = {name: _landmarks(held) for name, held in question.landmarks.items()}
            line |= {"kind": "cards", "pack": _placed(packs, _pack(question.pack))}
            line["landmarks"] = _placed(landmarks, marks)
        elif isinstance(question, SketchSum):
            features = {f.name: _written(getattr(question.features, f.name)) for f in fields(Features)}
            topics = None if question.topics is None else _landmarks(question.topics)
            line |= {"kind": "sketch", "pack": _placed(packs, _pack(question.pack)), "features": features}
            line |= {"topics": topics, "label": question.label}
        else:
            line["kind"] = "people"
        lines.append(line)
    return {"asked": lines, "packs": packs, "landmarks": landmarks}


def read_questions(told: Mapping[str, Any]) -> tuple[Asked, ...]:
    """The questions that ``write_questions`` wrote. Raises: ValueError, LookupError, TypeError: the values
    are not such questions.
    """
    packs = [Pack.model_validate(pack) for pack in told["packs"]]
    landmarks = [{name: _read_landmarks(held) for name, held in marks.items()} for marks in told["landmarks"]]
    return tuple((Query(**line["query"]), _question(line, packs, landmarks)) for line in told["asked"])


def _question(
    line: Mapping[str, Any], packs: Sequence[Pack], landmarks: Sequence[Mapping[str, Landmarks]]
) -> Question:
    if line["kind"] == "people":
        return Headcount()
    pack = packs[line["pack"]]
    if line["kind"] == "cards":
        return CardCounts(pack, landmarks[line["landmarks"]])
    if line["kind"] != "sketch":
        raise ValueError("a question of this kind is not known")
    features = Features(**{name: _read(value) for name, value in line["features"].items()})
    topics = None if line["topics"] is None else _read_landmarks(line["topics"])
    return SketchSum(pack, features, topics, line["label"])


def _placed(held: list[dict[str, Any]], value: dict[str, Any]) -> int:
    """The index of the value in the list; if it is not there, it is added at the end."""
    if value not in held:
        held.append(value)
    return held.index(value)


def _pack(pack: Pack) -> dict[str, Any]:
    return pack.model_dump(mode="json", exclude=_ABOUT_PROMPTS)


def _landmarks(held: Landmarks) -> dict[str, Any]:
    return {"rows": _written(held.rows), "common": _written(held.common)}


def _read_landmarks(told: Mapping[str, Any]) -> Landmarks:
    return Landmarks(_array(told["rows"]), _array(told["common"]))


def _written(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return list(value) if isinstance(value, tuple) else value
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    data = base64.b64encode(little.tobytes()).decode()
    return {"kind": little.dtype.str, "shape": list(value.shape), "data": data}


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return _array(value)
    return tuple(value) if isinstance(value, list) else value


def _array(told: Mapping[str, Any]) -> npt.NDArray[Any]:
    if told["kind"] not in _KINDS:
        raise ValueError("an array of this kind is not known")
    flat = np.frombuffer(base64.b64decode(told["data"], validate=True), np.dtype(told["kind"]))
    return flat.reshape(told["shape"]).astype(flat.dtype.newbyteorder("="))
