"""A writer for the method rupta that obeys: it blurs one secret of a text with each edit.

Its guesses are right as long as the secret is there.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.methods.kept import stages

from rpsg.models.fake import FakeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.protocols import Request
    from rpsg.release.run import Run

SECRETS = ("secretone", "secrettwo", "secretthree")
TAIL = "and the kettle was warm in the harbour of gravel"


def shown(request: Request) -> list[str]:
    """The texts between the marks of a prompt."""
    return re.findall(r"<<\w+>>\n(.*?)\n<</\w+>>", request.messages[-1].content, re.DOTALL)


def role(request: Request) -> str:
    """Which role a prompt asks for, by how its answer is to begin."""
    key = re.match(r'\{"(\w+)', request.begins)
    assert key is not None
    if key[1] == "text":
        return "first edit" if len(shown(request)) == 1 else "edit"
    return {"guesses": "guess", "reveals": "confirm", "confidence": "certainty"}.get(key[1], "facts")


def secrets_in(text: str) -> list[str]:
    return [word for word in SECRETS if word in text]


def obedient(request: Request) -> str:
    """The rest of a reply after its given beginning."""
    text = shown(request)[-1]
    left = secrets_in(text)
    answers: dict[str, Callable[[], Any]] = {
        "facts": lambda: {
            **dict.fromkeys(
                ("sex", "place of residence", "place of birth", "education", "income", "relationship status"),
                "",
            ),
            "age": "forty two",
        },
        "first edit": lambda: {"text": f"It was {text.rsplit(' ', 1)[0]} somewhere"},
        "edit": lambda: {"text": text.replace(left[0], "something") if left else f"{text}, as said"},
        # The more secrets are left, the likelier the right guess.
        "guess": lambda: {
            "guesses": ["forty two" if place == 3 - len(left) else f"nothing{place}" for place in range(3)]
        },
        "confirm": lambda: {"reveals": "yes", "words": left},
        "certainty": lambda: {"confidence": 95 if "as said" in text else 40},
    }
    whole = json.dumps(answers[role(request)]())
    if role(request) == "facts":
        return whole
    assert whole.startswith(request.begins)
    return whole.removeprefix(request.begins)


class Obedient(FakeWriter):
    """Answers as ``obedient``, or as ``instead`` says for a role."""

    def __init__(self, **instead: Callable[[Request], str]) -> None:
        super().__init__(lambda request: instead.get(role(request).replace(" ", "_"), obedient)(request))

    def _reply(self, request: Request) -> Any:
        from dataclasses import replace

        reply = super()._reply(request)
        # The fake puts a space after the beginning; where that is within a string it stays out.
        whole = reply.text.replace(f"{request.begins} ", request.begins, 1)
        if role(request) == "facts" and whole.startswith(f"{request.begins}{{"):
            whole = whole.removeprefix(request.begins)
        return replace(reply, text=whole)

    def asked(self, *roles: str) -> list[Request]:
        """The requests about private texts in these roles; those of the trial are about public ones."""
        return [r for r in self.requests if role(r) in roles and secrets_in(shown(r)[0])]


def rows_of(count: int) -> list[dict[str, Any]]:
    return [
        {"text": f"{' '.join(SECRETS)} number{i} {TAIL}", "user": f"u{i}", "label": "food"}
        for i in range(count)
    ]


def plan_of(lab: Lab, rows: Sequence[dict[str, Any]], size: int = 4, **rupta: Any) -> Plan:
    return lab.plan(lab.file(rows), corpus={"size": size}, method={"name": "rupta"}, rupta=rupta)


def kept(run: Run, stage: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stages(run)[stage]["value"]
    return found


def rounds(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run.path / "private" / "edits.json").read_bytes())["rounds"]
    return found


def obedient_facts() -> str:
    names = (
        "age",
        "sex",
        "place of residence",
        "place of birth",
        "education",
        "income",
        "relationship status",
    )
    return json.dumps(dict.fromkeys(names, ""))
