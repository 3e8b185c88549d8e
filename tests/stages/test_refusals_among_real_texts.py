"""Patterns for refusals and for talk about the task leave real texts alone."""

from __future__ import annotations

import json

import pytest

from rpsg.models.download import locate
from rpsg.stages.refusals import refuses, talks_about_task

pytestmark = pytest.mark.weights


def test_no_real_review_is_taken_for_a_refusal_or_for_talk_about_the_task() -> None:
    files = sorted(locate("amazon-reviews").glob("*.jsonl"))
    reviews = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    assert len(reviews) == 5_000
    assert [text for text in reviews if refuses(text) or talks_about_task(text)] == []


def test_a_refusal_among_them_would_be_found() -> None:
    assert refuses("I'm sorry, but I can't help with that request.")
    assert talks_about_task("As an AI language model, I have not tasted this tea.")
