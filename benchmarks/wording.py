"""Two ways to give a writer the private texts' wording: a bias for each token, and a vector in its layers.

    python benchmarks/wording.py --drafts DRAFTS.jsonl --out benchmarks/results/wording.json
    python benchmarks/wording.py --show benchmarks/results/wording.json

Both are measured before anything is built: first without noise ("epsilon infinite"), where they can only look
better than they would be. Every row has the same cards, prompts and seeds, written by Gemma 3 270M through
transformers; DRAFTS are texts of the same writer without private data (a run of the method floor), from which
both differences are taken.

bias     Each person adds one vector of length 1, the roots of the shares of tokens in the text. The
         logarithm of the noisy mean over that of the drafts, times a strength, is added to the token's
         logit, for tokens whose noisy sum is four standard deviations above zero.
vector   The mean hidden state of private texts minus that of the drafts at one layer, times a strength, is
         added to the output of that layer at every new token.

Needs PyTorch, transformers, gguf and accelerate.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from people import METRICS
from quality import read_texts
from rpsg.domains import find_pack
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric
from rpsg.models.documents import document_of
from rpsg.models.download import locate
from rpsg.plan import resolve
from rpsg.privacy.gaussian import mu_for
from rpsg.stages.cards import CardModel
from rpsg.stages.clean_reply import tidy
from rpsg.stages.prompts import candidate_request
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = ("fid", "coverage", "word_distance", "next_word_accuracy", "self_bleu")
TEMPERATURE, TOP_P, TOP_K = 0.9, 0.95, 200
LONGEST, ROWS = 110, 15
#: Of the squared budget; the rest is for cards and choice.
SHARE = 0.5
CLIP = (-4.0, 2.0)
LEAST = 4.0  # standard deviations
DELTA = 1e-6


class Gemma:
    """The writer with its hidden states and logits within reach."""

    def __init__(self, folder: Path) -> None:
        file = next(folder.glob("*.gguf")).name
        self.tokens: Any = AutoTokenizer.from_pretrained(folder, gguf_file=file, padding_side="left")
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
        self.model.eval()

    def write(self, prompts: Sequence[str], bias: Any = None, at: int = 0, vector: Any = None) -> list[str]:
        """One continuation of each prompt, to its first blank line."""
        found = [""] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        new = False

        def moved(_module: Any, _args: Any, out: Any) -> Any:
            if not new:
                return out
            return (out[0] + vector, *out[1:]) if isinstance(out, tuple) else out + vector

        hook = self.model.model.layers[at].register_forward_hook(moved) if vector is not None else None
        for start in range(0, len(order), ROWS):
            mine = order[start : start + ROWS]
            asked = self.tokens([prompts[i] for i in mine], return_tensors="pt", padding=True)
            mask, cache, step = asked["attention_mask"], None, asked["input_ids"]
            draw = torch.Generator().manual_seed(start)
            texts, done = [""] * len(mine), [False] * len(mine)
            said: list[list[int]] = [[] for _ in mine]
            for _ in range(LONGEST):
                with torch.inference_mode():
                    out = self.model(
                        input_ids=step, attention_mask=mask, past_key_values=cache, logits_to_keep=1
                    )
                new, cache = True, out.past_key_values
                step = self._drawn(out.logits[:, -1], bias, draw)
                mask = torch.cat([mask, torch.ones_like(step)], dim=1)
                for row, token in enumerate(step[:, 0].tolist()):
                    if done[row]:
                        continue
                    said[row].append(token)
                    texts[row] = self.tokens.decode(said[row], skip_special_tokens=True)
                    done[row] = token == self.tokens.eos_token_id or "\n\n" in texts[row]
                if all(done):
                    break
            new = False
            for row, i in enumerate(mine):
                found[i] = texts[row].split("\n\n")[0].strip()
        if hook is not None:
            hook.remove()
        return found

    def _drawn(self, logits: Any, bias: Any, draw: Any) -> Any:
        best, which = (logits if bias is None else logits + bias).topk(TOP_K, dim=-1)
        shares = (best / TEMPERATURE).softmax(-1)
        shares[shares.cumsum(-1) - shares > TOP_P] = 0
        return which.gather(1, torch.multinomial(shares, 1, generator=draw))

    def roots(self, texts: Sequence[str]) -> Any:
        """The sum over texts of the roots of their tokens' shares, shape (vocabulary,)."""
        total = np.zeros(self.model.config.vocab_size)
        for text in texts:
            tokens, counts = np.unique(
                self.tokens(" " + text, add_special_tokens=False)["input_ids"], return_counts=True
            )
            total[tokens] += np.sqrt(counts / counts.sum())
        return total

    def hidden(self, texts: Sequence[str], at: int) -> Any:
        """The mean over texts of the mean output of layer ``at``."""
        means = []
        for text in texts:
            asked = self.tokens(text, return_tensors="pt", truncation=True, max_length=96)
            with torch.inference_mode():
                states = self.model.model(**asked, output_hidden_states=True).hidden_states[at + 1]
            means.append(states[0, 1:].mean(dim=0))
        return torch.stack(means).mean(dim=0)


def bias_of(
    gemma: Gemma, private: Sequence[str], drafts: Sequence[str], epsilon: float, strength: float
) -> tuple[Any, int]:
    """What is added to each logit, and for how many tokens it is not zero."""
    own, theirs = gemma.roots(private), gemma.roots(drafts) / len(drafts)
    sigma = 1.0  # without noise: as many texts as would count with this one
    if np.isfinite(epsilon):
        sigma = 1 / (mu_for(epsilon, DELTA) * SHARE**0.5)
        own = own + np.random.default_rng().normal(0, sigma, len(own))
    kept = own > LEAST * sigma
    bias = np.zeros(len(own))
    least = 0.5 / len(drafts)
    bias[kept] = strength * np.log(own[kept] / len(private) / np.maximum(theirs[kept], least))
    return torch.tensor(np.clip(bias, *CLIP), dtype=torch.float32), int(kept.sum())


def measured(texts: Sequence[str], held_out: Texts, models: EvaluationModels) -> dict[str, Any]:
    """Each metric and its interval."""
    inputs = Inputs(Texts(texts, models), held_out, models, seed=0)
    found: dict[str, Any] = {"texts": len(texts), "words": sum(len(t.split()) for t in texts) / len(texts)}
    for name in SHOWN:
        measure = find_metric(name)(inputs)
        found[name] = [measure.value, *(measure.interval or (measure.value, measure.value))]
    return found


def table(rows: dict[str, Any]) -> str:
    """The result as Markdown; the ways are from the row without either to real texts."""
    heads = ["", "words a text", *(METRICS[name][0] for name in SHOWN), "way in words", "way in next word"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    floor, ceiling = rows["neither"], rows["real texts"]

    def way(row: dict[str, Any], name: str) -> str:
        whole = ceiling[name][0] - floor[name][0]
        return f"{(row[name][0] - floor[name][0]) / whole:.2f}"

    for title, row in rows.items():
        cells = []
        for name in SHOWN:
            value, low, high = row[name]
            cells.append(f"{value:.{METRICS[name][1]}f} ± {(high - low) / 2:.{METRICS[name][1]}f}")
        ways = [way(row, "word_distance"), way(row, "next_word_accuracy")]
        lines.append("| " + " | ".join([title, f"{row['words']:.0f}", *cells, *ways]) + " |")
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drafts", type=Path, help="texts of the writer without private data")
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--epsilon", type=float, nargs="*", default=[float("inf"), 2.0])
    parser.add_argument("--bias", type=float, nargs="*", default=[0.5, 1.0])
    parser.add_argument("--layer", type=int, default=9)
    parser.add_argument("--vector", type=float, nargs="*", default=[1.0, 2.0])
    parser.add_argument("--read", type=int, default=300, help="texts of each side for the vector")
    parser.add_argument("--keep", type=Path, help="a folder for the texts of each row")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print the table of this result and stop")
    return parser.parse_args()


def main() -> None:
    """Write and measure each row, or show a result."""
    args = parsed()
    if args.show:
        print(table(json.loads(args.show.read_text("utf-8"))["rows"]))
        return
    pack, plan = find_pack("food-reviews"), resolve({"generation": {"examples": 2}})
    files = sorted(locate("amazon-reviews").glob("*.jsonl"))
    texts = [text for path in files for text in read_texts(path, "text")]
    order = np.random.default_rng(0).permutation(len(texts))
    private = [texts[i] for i in order[1000:][: args.people]]
    drafts = read_texts(args.drafts, "text")
    cards = CardModel.uniform(pack).draw(args.size, stream(0, "wording"))
    requests = [document_of(candidate_request(pack, plan, card, i)) for i, card in enumerate(cards)]
    prompts = [request.messages[0].content for request in requests]
    models = EvaluationModels("minilm")
    held_out = Texts([texts[i] for i in order[:1000]], models)
    gemma = Gemma(locate("gemma-3-270m"))
    rows: dict[str, Any] = {}

    def record(title: str, found: Sequence[str]) -> None:
        rows[title] = measured(found, held_out, models)
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{title}.json").write_text(json.dumps(list(found)), encoding="utf-8")
        if args.out:
            settings = {name: getattr(args, name) for name in ("size", "people", "layer", "read")}
            body = {"settings": settings | {"drafts": len(drafts)}, "rows": rows}
            args.out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")

    def written(title: str, **how: Any) -> None:
        since = time.monotonic()
        said = zip(gemma.write(prompts, **how), requests, strict=True)
        cleaned = [tidy(f"{r.begins} {text}".strip(), cut=False, begins=r.begins)[0] for text, r in said]
        record(title, [text for text in cleaned if text])
        print(f"{title}: {json.dumps(rows[title])}, {time.monotonic() - since:.0f} s", flush=True)

    record("real texts", private[: args.size])
    written("neither")
    for epsilon in args.epsilon:
        for strength in args.bias:
            bias, tokens = bias_of(gemma, private, drafts, epsilon, strength)
            written(f"bias x {strength:g}, epsilon {epsilon:g} ({tokens:,} tokens)", bias=bias)
    if args.vector:
        own, theirs = private[: args.read], drafts[: args.read]
        vector = gemma.hidden(own, args.layer) - gemma.hidden(theirs, args.layer)
        for strength in args.vector:
            title = f"vector x {strength:g} at layer {args.layer}, epsilon inf"
            written(title, at=args.layer, vector=strength * vector)
    print(table(rows))


if __name__ == "__main__":
    main()
