"""The runs that ``audit_runs.py`` makes and attacks: commands, settings, and the sizes of their files."""

from __future__ import annotations

#: The people in the file of posts whose posts are public here.
PUBLIC = 8
#: The number of posts in the smaller file. Half of this is the number of seeds of a paper run of this size.
FEW = 160
HALF = ("--domain", "self-disclosure", "--audit-holdout", "0.5")
CANARIES = ("--canary-texts", "public.jsonl", "--audit-canaries")
WRITER = ("--writer", "smollm2-135m", "--threads", "1")
#: Fewer and shorter summaries than by default, and no second attempt, so that a run takes minutes on a core.
SHORT = {
    "RPSG_PAPER__CANDIDATES": "3",
    "RPSG_PAPER__MAX_TOKENS": "60",
    "RPSG_PAPER__SEED_WORDS": "80",
    "RPSG_PAPER__SENTIMENT_ATTEMPTS": "1",
}
#: The same with one summary for each record, for the runs that would take more than an hour of a core.
SINGLE = {**SHORT, "RPSG_PAPER__CANDIDATES": "1"}
#: The shortest texts that are still summaries; there is one for each record.
SHORTER = {
    "RPSG_PAPER__CANDIDATES": "1",
    "RPSG_PAPER__MIN_TOKENS": "0",
    "RPSG_PAPER__MAX_TOKENS": "40",
    "RPSG_PAPER__SEED_WORDS": "40",
    "RPSG_PAPER__SENTIMENT_ATTEMPTS": "1",
}
OF_REVIEWS = ("--domain", "short-reviews", "--audit-holdout", "0.5")
#: The pack of food reviews, with fewer words of a text.
LONG, SHORT_WORDS = "edges = [35, 70, 130]", "edges = [20, 27, 34]"
WORDS, FEWER_WORDS = "words = [25, 50, 90, 140]", "words = [16, 24, 30, 36]"
#: The attacks on runs of 160 texts, chosen before the first of these runs. With three attacks, eight leaked
#: texts can be detected.
FEW_ATTACKS = ("copies", "phantom", "passage")
OF_160 = "160 texts"
#: The number of reviews that are private here, of others that are public, and of words that are kept of each.
REVIEWS, PUBLIC_REVIEWS, REVIEW_WORDS = 1200, 600, 40
#: The private reviews of the smallest file, and the number of public ones: enough for 1,200 canaries to begin
#: with.
FEW_REVIEWS, MANY_PUBLIC = 80, 1600
#: The runs, in the order in which they are made: the options of ``rpsg``, and settings that have no option.
RUNS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "paper": (
        ("run", "few.jsonl", *HALF, *WRITER, "--method", "paper", "--size", "70"),
        {**SHORT, "RPSG_PAPER__FILTERS": "early"},
    ),
    "paper, canaries": (
        ("audit-run", "few.jsonl", *HALF, *WRITER, *CANARIES, "100", "--method", "paper", "--size", "70"),
        {**SINGLE, "RPSG_PAPER__COSINE_RETAIN": "1", "RPSG_PAPER__NLL_PERCENTILE": "0"},
    ),
    "split": (
        (
            *("run", "posts.jsonl", *HALF, *WRITER, *CANARIES, "100"),
            *("--method", "split", "--size", "40", "--oversample", "1.5"),
        ),
        {**SINGLE, "RPSG_SPLIT__DONORS": "0.4"},
    ),
    "augpe": (
        ("run", "posts.jsonl", *HALF, *WRITER, *CANARIES, "100", "--method", "augpe", "--size", "30"),
        {"RPSG_AUGPE__ITERATIONS": "2", "RPSG_AUGPE__VARIATIONS": "2"},
    ),
    "private-prediction": (
        (
            *("run", "posts.jsonl", *HALF, *WRITER, *CANARIES, "100"),
            *("--method", "private-prediction", "--size", "16", "--epsilon", "4"),
        ),
        {"RPSG_PREDICTION__BATCH": "12", "RPSG_PREDICTION__TOKENS": "30"},
    ),
    # Large enough for three attacks to detect one leaked text in twenty, with texts short enough for a run of
    # an hour or two.
    "augpe, 160 texts": (
        ("run", "reviews.jsonl", *OF_REVIEWS, *WRITER, "--method", "augpe", "--size", "160"),
        {"RPSG_AUGPE__ITERATIONS": "1", "RPSG_AUGPE__VARIATIONS": "2"},
    ),
    # Enough canaries for nearly every corpus in which one text in twenty leaks to contain one.
    "augpe, 160 texts, canaries": (
        (
            *("audit-run", "reviews.jsonl", *OF_REVIEWS, *WRITER, "--canary-texts", "public-reviews.jsonl"),
            *("--audit-canaries", "600", "--method", "augpe", "--size", "160"),
        ),
        {"RPSG_AUGPE__ITERATIONS": "1", "RPSG_AUGPE__VARIATIONS": "2"},
    ),
    "paper, 160 texts": (
        ("run", "posts.jsonl", *HALF, *WRITER, "--method", "paper", "--size", "160"),
        {**SHORTER, "RPSG_PAPER__FILTERS": "early"},
    ),
    # Enough canaries for the one leaked text in the test corpus to be nearly always a canary's.
    "private-prediction, canaries": (
        (
            *("audit-run", "few-reviews.jsonl", *OF_REVIEWS, *WRITER),
            *("--canary-texts", "more-public-reviews.jsonl", "--audit-canaries", "1200"),
            *("--method", "private-prediction", "--size", "16", "--epsilon", "4"),
        ),
        {
            "RPSG_PREDICTION__BATCH": "12",
            "RPSG_PREDICTION__TOKENS": "20",
            "RPSG_PREDICTION__REFERENCE_TOKENS": "48",
        },
    ),
    "split, 160 texts": (
        (
            *("run", "reviews.jsonl", *OF_REVIEWS, *WRITER),
            *("--method", "split", "--size", "160", "--oversample", "1.2"),
        ),
        {**SHORTER, "RPSG_SPLIT__DONORS": "0.4"},
    ),
    "private-prediction, 160 texts": (
        (
            *("run", "reviews.jsonl", *OF_REVIEWS, *WRITER),
            *("--method", "private-prediction", "--size", "160", "--epsilon", "4"),
        ),
        {
            "RPSG_PREDICTION__BATCH": "4",
            "RPSG_PREDICTION__TOKENS": "24",
            "RPSG_PREDICTION__REFERENCE_TOKENS": "48",
        },
    ),
}
