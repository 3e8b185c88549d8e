"""Invented tickets of a bank's customers, from word lists: ``python invent.py`` writes tickets.jsonl."""

from __future__ import annotations

import json
import random
from pathlib import Path

TICKETS, CUSTOMERS, SEED = 2_000, 1_500, 23

#: The team that answers, and what is written to it. The teams are public: rpsg.toml names them.
MATTERS = {
    "cards": (
        "my card was declined at the supermarket",
        "there is a charge of {sum} that I do not know",
        "I lost my wallet and need a new card",
        "the PIN does not work abroad",
        "I was charged {sum} twice by the same shop",
        "the new card has not come after {days} days",
    ),
    "payments": (
        "a transfer of {sum} has not arrived after {days} days",
        "I sent {sum} to the wrong account",
        "the standing order for my rent was not carried out",
        "a direct debit of {sum} came back",
        "the fee of a payment to another country is not what the page says",
    ),
    "loans": (
        "I would like to pay {sum} off my loan early",
        "the rate in the letter differs from the one I was offered",
        "I cannot pay this month's instalment of {sum}",
        "how long does the decision about a mortgage take, it has been {days} days",
        "I need a paper that says the car loan is paid",
    ),
    "accounts": (
        "I want to close my account and have {sum} paid out",
        "please change my address, I moved {days} days ago",
        "the statement for last month is missing",
        "I would like to add my partner to the account",
        "there is a monthly fee of {sum} that nobody told me about",
    ),
    "online": (
        "I cannot log in since the update",
        "the code does not reach my new phone",
        "the app closes when I open my statement",
        "I forgot my password and the question to reset it",
        "somebody in another country logged in to my account",
    ),
}
OPENINGS = ("Hello,", "Good morning,", "Hi there,", "To whom it may concern:", "Dear team,", "Again,", "")
CLOSINGS = (
    "Please help.",
    "Thank you for your quick answer.",
    "This is the third time I write about it!",
    "I am very disappointed.",
    "Otherwise I am happy with the bank.",
    "Please call me before noon.",
    "I wait for your reply.",
    "Your colleague at the counter was very kind, by the way.",
)
SIGNED = ("Customer {number}.", "My number is {number}.", "Account holder {number}", "")


def ticket(rng: random.Random, customer: int) -> dict[str, str]:
    """One ticket of a customer, with the team that answers it."""
    team = rng.choices(list(MATTERS), weights=(35, 25, 15, 15, 10))[0]
    matter = rng.choice(MATTERS[team]).format(sum=f"{rng.randint(5, 4000)} euros", days=rng.randint(2, 30))
    signed = rng.choice(SIGNED).format(number=f"KD-{SEED}{customer:05d}")
    parts = [rng.choice(OPENINGS), matter[0].upper() + matter[1:] + ".", *rng.sample(CLOSINGS, 2), signed]
    return {
        "customer": f"KD-{SEED}{customer:05d}",
        "team": team,
        "message": " ".join(part for part in parts if part),
    }


def main() -> None:
    """Write the file into the working folder: a few customers write often, most of them once."""
    rng = random.Random(SEED)
    often = rng.choices(range(CUSTOMERS), k=TICKETS - CUSTOMERS)
    rows = [ticket(rng, customer) for customer in [*range(CUSTOMERS), *often]]
    rng.shuffle(rows)
    Path("tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
