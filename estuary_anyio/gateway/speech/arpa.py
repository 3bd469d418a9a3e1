"""A small language model from sentences: trigrams with absolute discounting, in ARPA's format."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Gram = tuple[str, ...]
DISCOUNT: Final = 0.05
"""The share of a count that is kept for what was not seen."""
_NEVER: Final = -99.0


def arpa(sentences: Iterable[tuple[str, float]]) -> str:
    """The model of these sentences of lower-case words, each with its weight."""
    counts: list[dict[Gram, float]] = [{}, {}, {}]
    for sentence, weight in sentences:
        words = ["<s>", *sentence.split(), "</s>"]
        for order, found in enumerate(counts, 1):
            for at in range(len(words) - order + 1):
                gram = tuple(words[at : at + order])
                found[gram] = found.get(gram, 0.0) + weight
    logs = [_unigrams(counts[0])]
    backoffs: list[dict[Gram, float]] = []
    for order in (1, 2):
        likely, backoff = _higher(counts[order], counts[order - 1])
        logs.append(likely)
        backoffs.append(backoff)
    return _text(logs, [*backoffs, {}])


def _unigrams(counts: Mapping[Gram, float]) -> dict[Gram, float]:
    total = sum(weight for gram, weight in counts.items() if gram != ("<s>",))
    return {g: _NEVER if g == ("<s>",) else log10(w / total) for g, w in counts.items()}


def _higher(
    counts: Mapping[Gram, float], shorter: Mapping[Gram, float]
) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """The logarithms of what was seen, and the weights of falling back to less context."""
    likely = {
        gram: log10(weight * (1 - DISCOUNT) / shorter[gram[:-1]]) for gram, weight in counts.items()
    }
    return likely, {gram[:-1]: log10(DISCOUNT) for gram in counts}


def _text(logs: list[dict[Gram, float]], backoffs: list[dict[Gram, float]]) -> str:
    lines = ["\\data\\"]
    lines += [f"ngram {order}={len(found)}" for order, found in enumerate(logs, 1)]
    for order, (found, backoff) in enumerate(zip(logs, backoffs, strict=True), 1):
        lines += ["", f"\\{order}-grams:"]
        for gram in sorted(found):
            weight = f"\t{backoff[gram]:.4f}" if gram in backoff else ""
            lines.append(f"{found[gram]:.4f}\t{' '.join(gram)}{weight}")
    return "\n".join([*lines, "", "\\end\\", ""])
