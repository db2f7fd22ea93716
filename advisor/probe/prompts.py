"""Prompts of a wanted token length: unique, also from run to run, so that no prefix cache flatters, or with a shared
part on purpose.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from pathlib import Path

from advisor.domain.errors import InputError

# Short, common words: one token each with a leading space in the usual vocabularies. What a server's
# tokenizer makes of them is learnt from its own counts.
_TEXT = (
    "time year people way day man thing woman life child world school state family student group country problem"
    " hand part place case week company system program question work government number night point home water room"
    " mother area money story fact month lot right study book eye job word business issue side kind head house"
    " service friend father power hour game line end member law car city community name president team minute idea"
    " body information back parent face level office door health person art war history party result change morning"
    " reason research girl guy moment air teacher force education foot boy age policy process music market sense"
    " nation plan college interest death experience effect use class control field development role effort rate"
    " heart drug show leader light voice wife police mind price report decision son view relationship town road arm"
    " difference value building action season society tax director position player record paper space ground form"
    " event official matter center couple site project activity star table need court oil situation cost industry"
    " figure street image phone data picture practice piece land product doctor wall patient worker news test movie"
    " north love support technology step baby computer type attention film tree source organization hair look"
)
_WORDS = _TEXT.split()
_POOL_WORDS = 60_000
_UNIQUE_WORDS = 16
_BYTES_PER_WORD = 8
_TRUSTED_WORDS = 200
_TEMPLATE_TOKENS = 256
"""More than any usual chat template adds."""


class PromptMaker:
    """Makes prompts and learns how many tokens the server counts for them.

    tokens = overhead + per_word * words; both are learnt from `usage`, or from a tokenizer on disk.
    """

    def __init__(self, seed: int, shared_share: float = 0.0, count: Callable[[str], int] | None = None) -> None:
        self._random = random.Random(seed)
        # Not from the seed: a server may still hold the prompts of an earlier run of the same seed in its prefix cache.
        self._fresh = random.SystemRandom()
        self._pool = self._random.choices(_WORDS, k=_POOL_WORDS)
        self.shared_share = shared_share
        self.count = count
        self.per_word = 1.0
        self.overhead = 0.0
        self.calibrated = False
        self._seen_words = 0
        self._seen_tokens = 0.0

    def make(self, tokens: int) -> tuple[str, int]:
        """A prompt that the server should count as `tokens`, and its number of words."""
        words = max(1, round((tokens - self.overhead) / self.per_word))
        shared = round(words * self.shared_share)
        own = words - shared
        head = self._fresh.choices(_WORDS, k=min(own, _UNIQUE_WORDS))
        rest = own - len(head)
        parts = [*self._slice(0, shared), *head, *self._slice(self._random.randrange(_POOL_WORDS), rest)]
        return " ".join(parts), words

    def _slice(self, start: int, length: int) -> list[str]:
        found: list[str] = []
        while length > 0:
            piece = self._pool[start : start + length]
            found += piece
            length -= len(piece)
            start = 0
        return found

    def calibrate(self, small: tuple[int, int], large: tuple[int, int]) -> bool:
        """Learn from two (words, tokens counted) pairs; False where the counts cannot be true."""
        (words_a, tokens_a), (words_b, tokens_b) = small, large
        if words_b <= words_a:
            return False
        per_word = (tokens_b - tokens_a) / (words_b - words_a)
        overhead = tokens_a - per_word * words_a
        if not (0.7 <= per_word <= _BYTES_PER_WORD and -8 <= overhead <= 20_000):
            return False
        self.per_word, self.overhead, self.calibrated = per_word, max(0.0, overhead), True
        return True

    def observe(self, words: int, tokens: int) -> None:
        """Refine tokens per word with a plausible count; later prompts come closer to their length."""
        if self.count is not None or not self.calibrated or not self.plausible(words, tokens):
            return
        self._seen_words += words
        self._seen_tokens += tokens - self.overhead
        if self._seen_words >= _TRUSTED_WORDS:
            self.per_word = min(_BYTES_PER_WORD, max(0.7, self._seen_tokens / self._seen_words))

    def plausible(self, words: int, tokens: int) -> bool:
        """Whether a server's count for a prompt of so many words can be true."""
        if self.calibrated:
            expected = self.overhead + self.per_word * words
            return abs(tokens - expected) <= max(16.0, 0.15 * expected)
        return 0.7 * words <= tokens <= _BYTES_PER_WORD * words + 20_000

    def worst_case_tokens(self, text: str, words: int) -> int:
        """An upper bound of the tokens of a prompt: a token is at least one byte."""
        bound = len(text.encode()) + _TEMPLATE_TOKENS
        if not self.calibrated:
            return bound
        return min(bound, round(1.15 * (self.overhead + self.per_word * words)) + 32)


def load_tokenizer(path: Path) -> Callable[[str], int]:
    """Token counter from a `tokenizer.json` on disk (needs the package `tokenizers`); nothing is downloaded."""
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"--tokenizer {path}: no tokenizer.json there")
    try:
        tokenizers = importlib.import_module("tokenizers")
    except ImportError:
        raise InputError("--tokenizer needs the package tokenizers: pip install tokenizers") from None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust side raises bare Exception
        raise InputError(f"--tokenizer {file}: not readable ({str(error)[:80]})") from None
    return lambda text: len(tokenizer.encode(text).ids)
