"""The names of the files of a run folder, of a release and of a comparison.

    RUN/                 the run folder: only its owner can open it
        run.json         the id of the run; next to it is the resolved plan
        journal.jsonl    what happened in each stage, without private text
        private/         the vault: rows, embeddings, keys, private calls
        evidence/        noisy answers and the pack, until they are released
        release/         what may be shared
            evidence/    what anybody needs to rebuild the release

No other module has such names, except for files that the privacy package writes by itself, because it may not
import this one: noisy answers (``privacy.evidence``) and the signature. Names inside a pack are in
``domains``.
"""

from __future__ import annotations

RUN = "run.json"
PLAN = "plan.toml"
JOURNAL = "journal.jsonl"
PRIVATE = "private"
EVIDENCE = "evidence"
RELEASE = "release"
#: The questions that the shards of a run answer, by number.
QUESTION = "question-{}.json"

# -- in a release -----------------------------------------------------------------------------------------
CORPUS = "corpus.jsonl"
PARQUET = "corpus.parquet"
CSV = "corpus.csv"
LEDGER = "ledger.json"
SIGNATURE = "ledger.sig"
EGRESS = "egress.json"
SUMMARY = "summary.md"
CARD = "README.md"
REPORT = "report.html"
CROISSANT = "croissant.json"

# -- in the evidence --------------------------------------------------------------------------------------
PACK = "pack"
TEXTS = "texts.jsonl"
CANDIDATES = "candidates.jsonl"
VECTORS = "vectors.bin"
FAILED = "failed.txt"
CHANGED = "changed.json"
#: The writer's answers; they are in the private folder if prompts held private text.
CALLS = "calls.sqlite"

# -- in the private folder --------------------------------------------------------------------------------
#: The run's data key, wrapped; the public value of the commitment; a note that private files were destroyed.
VAULT = "vault.json"
COMMITMENT = "commitment"
PURGED = "purged.json"
#: The key that opens the exact sums of shards.
SHARDS_KEY = "shards.key"
#: Digests of the files that shards were counted from, for each question.
SHARDS_ROWS = "shards-rows.json"
#: Results of stages on private text, and the unprotected reads of a run.
STAGES = "stages"
SEEDS = f"{STAGES}/00-seeds.json"
DISCLOSURES = "disclosures.jsonl"
#: Keyed hashes of the rows that were read last, of the records that give seeds, and of the list of donors.
ROWS_TAG = "rows"
SEEDS_TAG = "seeds"
DONORS_TAG = "donors"
#: The run of the floor, made with the same plan.
FLOOR_RUN = "floor"
#: The nonce of the commitment, and what was charged to the account.
PRIVATE_LEDGER = "ledger.private.json"
ANSWERS = "releases.jsonl"
STAGE_TABLE = "stages.md"
TIMINGS = "timings.json"
NOTES = "notes.md"
ROWS = "rows.json"
#: How a model was trained on private texts, and what an accountant computes from it.
TRAINING = "training.json"
#: The scores of private texts after each of their edits.
EDITS = "edits.json"
RESULTS = "evaluation.json"
PUBLIC_RESULTS = "evaluation-public.json"
AUDIT = "audit.json"
AUDIT_PAGE = "audit.html"
#: Made-up texts and the coins that put them into the data; the texts of an audit run, which has no release.
CANARIES = "canaries.json"
UNRELEASED = "unreleased.json"
#: Private texts and the synthetic texts that are closest to them.
MATCHES = "audit-matches.json"
#: A canary was in the corpus of this run, so it has no release and never gets one.
BLOCKED = "blocked-by-canary"
#: Embeddings of the records that vote, and of the records that are seeds; and the suffixes of their files,
#: for numbers of 16 bits, or of 32 bits in a run that an earlier version began.
EMBEDDINGS = "embeddings"
DONORS = "donors"
HALVES, SINGLES = ".f16", ".f32"

# -- in the folder of a comparison ------------------------------------------------------------------------
#: The comparison as it was read, the outcome of one cell, and the outcomes of all cells.
MATRIX = "matrix.json"
CELL = "cell.json"
COMPARISON = "comparison.json"
COMPARISON_PAGE = "comparison.html"
#: How a data set was split, the texts that no run sees, and the real texts that stand in for a corpus.
SPLIT = "split.json"
HELD_OUT = "held-out.jsonl"
CEILING_TEXTS = "ceiling.jsonl"
