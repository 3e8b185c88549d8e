"""Invented clinic notes, from word lists: ``python invent.py`` writes notes.jsonl. No real patient is in it.

Each note has a made-up name and record number, so that one can search the release for them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

NOTES, PATIENTS, SEED = 2_000, 1_950, 11

#: Complaint, how it shows, what was done about it.
CASES = (
    ("chest pain", "pressure when climbing stairs", "stress test ordered"),
    ("high blood pressure", "home readings around 160", "lisinopril raised"),
    ("heart failure", "swollen ankles and two pillows at night", "furosemide doubled"),
    ("palpitations", "a fluttering heart after coffee", "monitor for two weeks"),
    ("type 2 diabetes", "morning sugars above 180", "metformin continued"),
    ("asthma", "wheezing at night", "inhaler technique shown"),
    ("a cough", "dry cough for three weeks", "chest film requested"),
    ("low back pain", "pain down the left leg", "physical therapy arranged"),
    ("knee pain", "stiff in the morning", "injection discussed"),
    ("migraine", "throbbing headache with nausea", "diary and triptan"),
    ("anxiety", "racing thoughts before work", "referral to counselling"),
    ("depression", "no appetite and early waking", "sertraline started"),
    ("insomnia", "awake until three", "sleep hygiene explained"),
    ("reflux", "burning after supper", "omeprazole for eight weeks"),
    ("a rash", "itchy patches on both elbows", "steroid cream"),
    ("a urinary infection", "burning and frequency", "culture sent, antibiotic given"),
    ("hypothyroidism", "tired and cold", "levothyroxine adjusted"),
    ("pregnancy", "nausea in the tenth week", "ultrasound booked"),
    ("a child with fever", "ear pain since yesterday", "watchful waiting"),
    ("a fall", "bruised hip, walks with a stick", "home visit planned"),
    ("kidney stones", "waves of flank pain", "scan and fluids"),
    ("anemia", "pale and short of breath", "iron prescribed"),
    ("cataract", "halos around lights", "surgery date requested"),
    ("hearing loss", "turns the television up", "audiogram"),
)
FORMS = (
    "{name} (MRN {record}), {age}, returns for {complaint}. Reports {sign} {since}. Plan: {action}.",
    "Hello doctor, this is {name}, number {record}. My {complaint} is back, {sign} {since}. Advice?",
    "Patient {name} called the nurse. {sign} {since}, known {complaint}. {action}. Chart {record}.",
    "I write for my mother {name} (MRN {record}). It is about {complaint}: {sign} {since}. {worry}",
    "Assessment and plan for {name}: {complaint}. {sign}. {action}. Follow up in {weeks} weeks.",
    "HPI: {age}-year-old {name}, MRN {record}, presents with {complaint}, {sign} {since}. {action}.",
    "Dear colleague, thank you for seeing {name}, {age}, with {complaint}. {sign} {since}. {action}.",
    "Please renew the medicine for {complaint}. I run out on Friday. {name}, chart {record}.",
)
SINCE = (
    "since Monday",
    "for three days",
    "for two months",
    "since the last visit",
    "on and off all winter",
    "today",
)
WORRIES = (
    "I am worried.",
    "She cannot sleep.",
    "Should we come in?",
    "He refuses to rest.",
    "Please call back.",
)
FIRST = (
    "Orla",
    "Bram",
    "Tamsin",
    "Ivo",
    "Perpetua",
    "Casimir",
    "Linnea",
    "Ottokar",
    "Zelda",
    "Quill",
    "Maeve",
    "Anselm",
)
LAST = (
    "Quarrendon",
    "Vasterlund",
    "Oxenthwaite",
    "Brindlecombe",
    "Zarkowitz",
    "Umberleigh",
    "Fennimoor",
    "Jarrowsby",
)


def note(rng: random.Random, patient: int) -> dict[str, str]:
    """One note about a patient; the same patient has the same name and number."""
    person = random.Random(f"{SEED}/{patient}")
    complaint, sign, action = rng.choice(CASES)
    text = rng.choice(FORMS).format(
        name=f"{person.choice(FIRST)} {person.choice(LAST)}",
        record=f"R{SEED}-{patient:05d}",
        age=person.randint(19, 92),
        complaint=complaint,
        sign=sign,
        action=action,
        since=rng.choice(SINCE),
        worry=rng.choice(WORRIES),
        weeks=rng.randint(1, 12),
    )
    return {"patient": f"P{patient:05d}", "note": text}


def main() -> None:
    """Write the file into the working folder: one note for most patients, two for some."""
    rng = random.Random(SEED)
    patients = [*range(PATIENTS), *rng.sample(range(PATIENTS), NOTES - PATIENTS)]
    rows = (json.dumps(note(rng, patient)) + "\n" for patient in patients)
    Path("notes.jsonl").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
