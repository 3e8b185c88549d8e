"""Invented posts in which people tell about themselves: ``python invent.py`` writes posts.jsonl.

All sentences come from the word lists below. Nobody wrote them about themselves.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

POSTS, SEED = 1_500, 37

#: What happened, and what came of it.
STORIES = (
    ("I lost my job at the warehouse", "the rent is due on the first"),
    ("I was diagnosed with diabetes", "I am scared of needles"),
    ("my wife and I separated", "I see the kids every second weekend"),
    ("I moved here from another country", "people still ask me where I am really from"),
    ("I dropped out of college", "my parents do not know yet"),
    ("I have been sober for ninety days", "weekends are the hardest"),
    ("I came out to my father", "he has not called since"),
    ("my mother has dementia", "I take care of her at night"),
    ("I get panic attacks on the bus", "so I walk an hour to work"),
    ("I am raising two kids alone", "I have not slept properly in months"),
    ("I gamble online", "I owe my brother money"),
    ("my best friend died last spring", "I still write to her number"),
    ("I started therapy", "it is strange to talk for an hour"),
    ("I was bullied at school", "I do not go to reunions"),
    ("I got my first flat", "I own one chair and I love it"),
    ("we lost the baby", "nobody says the right thing"),
    ("I left the church I grew up in", "my aunt prays for me"),
    ("I live in my car", "I shower at the gym"),
    ("I was promoted", "now my friends are my team"),
    ("I cannot have children", "every baby shower hurts"),
    ("my back hurts every day", "the doctor says it is stress"),
    ("I am in the army reserve", "my daughter cries when I pack"),
)
AGES = ("19", "23", "27", "31", "34", "38", "42", "47", "53", "61", "68")
OPENINGS = (
    "I am {age} and {story}.",
    "Throwaway account. Last month {story}.",
    "Never told anybody: {story}.",
    "Does anyone else feel like this? {Story},",
    "{Story}.",
    "So, {story}.",
    "Long time reader, first post. {Story}.",
)
FEELINGS = (
    "I feel ashamed.",
    "Some days are fine.",
    "I am angry, mostly at myself.",
    "For the first time I am hopeful.",
    "I do not know who to ask.",
    "I laugh about it now.",
    "It is lonely.",
    "I am proud of how far I came.",
)
CLOSINGS = (
    "How did you get through it?",
    "Thanks for reading.",
    "Any advice is welcome.",
    "I just had to write it down.",
    "Be kind please.",
    "",
)


def post(rng: random.Random, author: int) -> dict[str, str]:
    """One post of an author; some of the texts contain the account name, as real ones do."""
    story, outcome = rng.choice(STORIES)
    opening = rng.choice(OPENINGS).format(
        age=rng.choice(AGES), story=story, Story=story[0].upper() + story[1:]
    )
    account = f"quokka{SEED}{author:05d}"
    rest = [
        f"{outcome[0].upper()}{outcome[1:]}.",
        *rng.sample(FEELINGS, rng.randint(1, 3)),
        rng.choice(CLOSINGS),
    ]
    signed = f"({account})" if rng.random() < 0.2 else ""
    return {"author": account, "text": " ".join(part for part in [opening, *rest, signed] if part)}


def main() -> None:
    """Write the file into the working folder, one post for each author."""
    rng = random.Random(SEED)
    rows = (json.dumps(post(rng, author)) + "\n" for author in range(POSTS))
    Path("posts.jsonl").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
