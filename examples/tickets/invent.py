"""Invented tickets of an internet provider, one per customer: ``python invent.py`` writes tickets.csv."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path

TICKETS, SEED = 400, 11

#: What customers write about each product, and how often each priority is given to it (low, normal, high).
MATTERS = {
    "router": (
        "the router has shown a red light since {days} days",
        "the connection drops every evening around eight",
        "the new router came without a power cable",
        "I restarted the router three times and there is still no internet",
        "the wifi does not reach the upper floor any more",
    ),
    "phone": (
        "I hear nothing when somebody calls me",
        "my old number was not moved to the new contract",
        "calls to other countries are cut off after a minute",
        "the mailbox says that it is full, and it is empty",
    ),
    "invoice": (
        "the invoice of last month has {sum} euros too much",
        "I was charged {sum} euros although the contract had ended",
        "please send the invoice to my new address",
        "the refund of {sum} euros has not come",
    ),
    "app": (
        "the app closes when I open my usage",
        "I cannot log in to the app since the update",
        "the app shows the data of last year",
        "the code for the app does not reach my phone",
    ),
}
PRIORITIES = {"router": (1, 3, 6), "phone": (2, 5, 3), "invoice": (3, 6, 1), "app": (6, 3, 1)}
#: More routers fail in winter: the first and the fourth quarter.
QUARTERS = {"router": (4, 1, 1, 4), "phone": (1, 1, 1, 1), "invoice": (2, 1, 1, 1), "app": (1, 2, 3, 2)}
OPENINGS = ("Hello,", "Good morning,", "Hi,", "Dear support team,", "Once more:", "")
CLOSINGS = (
    "Please help.",
    "What can I do?",
    "Thank you in advance.",
    "I work from home and need this today.",
    "This is the second time I write about it!",
    "Otherwise I am happy with you.",
    "Please call me back.",
)


def ticket(rng: random.Random, customer: int) -> dict[str, str]:
    """One ticket: its customer, its date, its product, its priority and its text."""
    product = rng.choices(list(MATTERS), weights=(4, 2, 3, 3))[0]
    priority = rng.choices(("low", "normal", "high"), weights=PRIORITIES[product])[0]
    quarter = rng.choices(range(4), weights=QUARTERS[product])[0]
    opened = date(2025, 1 + 3 * quarter, 1) + timedelta(days=rng.randrange(89))
    matter = rng.choice(MATTERS[product]).format(days=rng.randint(2, 12), sum=rng.randint(5, 90))
    parts = [
        rng.choice(OPENINGS),
        f"{matter[0].upper()}{matter[1:]}.",
        *rng.sample(CLOSINGS, rng.randint(1, 2)),
    ]
    return {
        "customer": f"T-{SEED}{customer:05d}",
        "opened": opened.strftime("%d.%m.%Y"),
        "product": product,
        "priority": priority,
        "message": " ".join(part for part in parts if part),
    }


def main() -> None:
    """Write the file into the working folder."""
    rng = random.Random(SEED)
    rows = [ticket(rng, customer) for customer in range(TICKETS)]
    with Path("tickets.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    print(f"tickets.csv: {len(rows)} invented tickets of as many customers")


if __name__ == "__main__":
    main()
