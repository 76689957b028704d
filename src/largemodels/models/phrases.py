"""Translation by phrases that were counted, and word by word: no network, no gradient descent.

:class:`Phrases` is the statistical machine translation that came before networks, small enough to read. Brown et al.,
1993, "The mathematics of statistical machine translation" (https://aclanthology.org/J93-2003) find which words of two
sentences belong together, by expectation–maximisation: their Model 1. Koehn, Och and Marcu, 2003, "Statistical
phrase-based translation" (https://aclanthology.org/N03-1017) then cut all phrases out of the aligned sentences, score
each by how often it was counted, and put a translation together from left to right with a beam of candidates, guided by
an n-gram language model.

What differs from the papers: only words inside a phrase and two neighbouring phrases can change places; links are
preferred near the diagonal with a fixed strength (Dyer et al., 2013, https://aclanthology.org/N13-1073); the words
inside a phrase are scored as by Model 1, without their links; the weights of the scores were chosen by trying.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .checks import at_least
from .ngram import NGram

Floats = npt.NDArray[np.float64]
Span = tuple[int, int]  # the words from the first number to before the second
Words = tuple[str, ...]
NULL = ""  # a word that every source has in addition: target words that translate nothing come from it
UNKNOWN = -10.0  # score of copying a word that was never seen
N_SWAPPED = 3  # translations of each of two phrases that change places
_WORD = re.compile(r"\w+'|\w+|\.\.\.|[^\w\s]")


def words(text: str) -> list[str]:
    """Words and signs of a text; an apostrophe stays with what is before it, as in French ``l'image``."""
    return _WORD.findall(text)


def model1(
    sources: Sequence[Sequence[str]],
    targets: Sequence[Sequence[str]],
    n_iteration: int = 5,
    diagonal: float = 0.0,
) -> tuple[dict[tuple[str, str], float], list[Floats]]:
    """IBM Model 1: with which probability each source word becomes each target word, by EM from equal ones.

    Expectation: each target word shares one count among the words of its source, in proportion to the probabilities.
    Maximisation: the probabilities of a source word become its shares of all counts, divided by their sum.

    Args:
        sources: words of each sentence, to which :data:`NULL` is added in front.
        targets: words of their translations.
        n_iteration: number of such steps.
        diagonal: with 0, the position of a word plays no role. Otherwise counts are shared in proportion to
            exp(-diagonal · distance), too, where the distance is that of the relative positions, from 0 to 1.

    Returns:
        the probabilities by source and target word, and for each sentence the shares at the last step,
        ``(len(target), 1 + len(source))``, whose rows sum to 1.

    Raises:
        ValueError: if there is no iteration, or ``diagonal`` is negative.
    """
    at_least(1, n_iteration=n_iteration)
    at_least(0, diagonal=diagonal)
    first = {word: number for number, word in enumerate([NULL, *sorted(set().union(*sources))])}
    second = {word: number for number, word in enumerate(sorted(set().union(*targets)))}
    # One link for each target word of each sentence and each word of its source, NULL included.
    source_of, target_of, place_of, prior, shapes, n_place = [], [], [], [], [], 0
    for source, target in zip(sources, targets, strict=True):
        shape = len(target), 1 + len(source)
        numbers = np.array([first[word] for word in [NULL, *source]])
        source_of.append(np.broadcast_to(numbers, shape).ravel())
        target_of.append(np.repeat([second[word] for word in target], shape[1]))
        place_of.append(np.repeat(np.arange(n_place, n_place + len(target)), shape[1]))
        prior.append(np.exp(-diagonal * _distance(*shape)).ravel())
        shapes.append(shape)
        n_place += len(target)
    place, weight = np.concatenate(place_of), np.concatenate(prior)
    keys = np.concatenate(source_of) * len(second) + np.concatenate(target_of).astype(np.int64)
    pairs, link = np.unique(keys, return_inverse=True)
    owner = pairs // len(second)  # the source word of each pair of words that share a sentence
    probability = np.ones(len(pairs))
    for _ in range(n_iteration):
        share = probability[link] * weight
        share /= np.bincount(place, share)[place]
        counts = np.bincount(link, share)
        probability = counts / np.bincount(owner, counts)[owner]
    from_number, to_number = list(first), list(second)
    table = {
        (from_number[key // len(second)], to_number[key % len(second)]): float(p)
        for key, p in zip(pairs.tolist(), probability, strict=True)
    }
    ends = np.cumsum([n * m for n, m in shapes])[:-1]
    return table, [part.reshape(shape) for part, shape in zip(np.split(share, ends), shapes, strict=True)]


def _distance(n_target: int, n_source: int) -> Floats:
    """How far the relative positions of two words are apart, ``(n_target, n_source)``; NULL is first and at 0."""
    rows = (np.arange(n_target)[:, None] + 0.5) / n_target
    columns = (np.arange(n_source - 1) + 0.5) / max(1, n_source - 1)
    return np.concatenate([np.zeros((n_target, 1)), abs(rows - columns)], axis=1)


def symmetrised(forward: Floats, backward: Floats) -> set[tuple[int, int]]:
    """Links of a sentence from the shares of both directions: those of both, grown by neighbours of either.

    Each target word is linked to the source word with its largest share, unless that is NULL, and each source word to
    a target word likewise. Links that both directions have are kept; others are added where they touch a kept link,
    if they give a link to a word that has none, as Koehn, Och and Marcu, 2003, grow theirs.

    Args:
        forward: ``(len(target), 1 + len(source))``.
        backward: ``(len(source), 1 + len(target))``.

    Returns:
        pairs of the numbers of a source and a target word.
    """
    one = {(int(i) - 1, j) for j, i in enumerate(forward.argmax(axis=1)) if i}
    other = {(i, int(j) - 1) for i, j in enumerate(backward.argmax(axis=1)) if j}
    links, candidates = one & other, sorted(one ^ other)
    grown = True
    while grown:
        grown = False
        for i, j in candidates:
            touches = any((i + a, j + b) in links for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b)
            is_new = all(i != it for it, _ in links) or all(j != it for _, it in links)
            if touches and is_new and (i, j) not in links:
                links.add((i, j))
                grown = True
    return links


def phrase_pairs(
    n_source: int, n_target: int, links: set[tuple[int, int]], longest: int
) -> Iterator[tuple[Span, Span]]:
    """All pairs of phrases of an aligned sentence in which no word is linked to a word outside the other phrase.

    At least one link is inside; words without a link may stand inside or at the ends of either phrase.

    Args:
        n_source: words of the source.
        n_target: words of the target.
        links: from :func:`symmetrised`.
        longest: maximum number of words of either phrase.
    """
    linked = {j for _, j in links}
    for start in range(n_source):
        for end in range(start + 1, min(start + longest, n_source) + 1):
            inside = [j for i, j in links if start <= i < end]
            if not inside:
                continue
            low, high = min(inside), max(inside) + 1
            if any(low <= j < high and not start <= i < end for i, j in links):
                continue
            lows, highs = [low], [high]  # with words beyond that have no link
            while lows[-1] > 0 and lows[-1] - 1 not in linked:
                lows.append(lows[-1] - 1)
            while highs[-1] < n_target and highs[-1] not in linked:
                highs.append(highs[-1] + 1)
            for first, last in product(lows, highs):
                if last - first <= longest:
                    yield (start, end), (first, last)


@dataclass(frozen=True)
class PhrasesConfig:
    """Settings of :class:`Phrases`. The weights were chosen on the validation part of English to French."""

    n_iteration: int = 5  # of EM, in either direction
    diagonal: float = 4.0  # how strongly links near the diagonal are preferred; 0: not at all
    longest: int = 6  # words of a phrase
    order: int = 3  # of the language model, in words
    n_beam: int = 5  # candidates kept after each word of the source
    n_option: int = 5  # translations of a phrase that are tried, the best by their own score
    forward: float = 1.0  # weight of log p(target phrase | source phrase)
    backward: float = 1.0  # of log p(source phrase | target phrase)
    lexical: float = 0.3  # of the same by the words inside, for both directions
    language: float = 1.0  # of the language model's log-probability
    word: float = 1.5  # added for each word of the translation, since the language model prefers short ones
    swap: float = -3.0  # added for two phrases that change places

    def __post_init__(self) -> None:
        at_least(1, n_iteration=self.n_iteration, longest=self.longest, order=self.order)
        at_least(1, n_beam=self.n_beam, n_option=self.n_option)
        at_least(0, diagonal=self.diagonal, forward=self.forward, backward=self.backward)
        at_least(0, lexical=self.lexical, language=self.language)


class Candidate(NamedTuple):
    """A translation of the first words of a source."""

    score: float  # weighted sum of all scores; the larger the better
    words: Words


class Phrases:
    """Phrase-based translation, counted from texts and their translations.

    The source is taken in lower case. A translation begins with a capital letter if its source does.

    Args:
        sources: texts.
        targets: their translations, in the same order.
        config: settings. The weights, ``n_beam`` and ``n_option`` are read at each translation, so ``model.config`` may
            be replaced by one that differs in these only.

    Attributes:
        table: for each phrase of a source its translations and their scores, ``(n, 4)``: the log-probabilities of the
            target phrase given the source phrase and of the source phrase given the target phrase, then the same by
            the words inside.
        forward: of Model 1: the probability of each target word, in lower case, given each source word.
        backward: the probability of each source word given each target word.
        language_model: of the targets.

    Raises:
        ValueError: if there is no text, or their numbers differ.
    """

    def __init__(
        self, sources: Sequence[str], targets: Sequence[str], config: PhrasesConfig | None = None
    ) -> None:
        _refuse_unpaired(sources, targets)
        self.config = config = config or PhrasesConfig()
        source_words = [_lower(words(text)) for text in sources]
        target_words = [_lower_first(words(text)) for text in targets]
        lowered = [_lower(sentence) for sentence in target_words]
        self.forward, to_target = model1(source_words, lowered, config.n_iteration, config.diagonal)
        self.backward, to_source = model1(lowered, source_words, config.n_iteration, config.diagonal)
        links = map(symmetrised, to_target, to_source)
        self.table = self._counted(zip(source_words, target_words, links, strict=True))
        self._spacing = Spacing(targets)
        known = sorted(set().union(*target_words))
        self._numbers = {word: number for number, word in enumerate(known, start=2)}
        boundary = [0] * max(1, config.order - 1)  # 0 is the boundary of a text, 1 an unknown word
        stream = [
            number for it in target_words for number in [*boundary, *map(self._numbers.__getitem__, it)]
        ]
        self.language_model = NGram(config.order, len(known) + 2).fit([*stream, *boundary])

    def _counted(
        self, aligned: Iterable[tuple[list[str], list[str], set[tuple[int, int]]]]
    ) -> dict[Words, tuple[list[Words], Floats]]:
        """The table, from words of sources and targets and the links between them."""
        counts: Counter[tuple[Words, Words]] = Counter()
        for source, target, links in aligned:
            for (a, b), (c, d) in phrase_pairs(len(source), len(target), links, self.config.longest):
                counts[tuple(source[a:b]), tuple(target[c:d])] += 1
        of_source, of_target = Counter[Words](), Counter[Words]()
        for (before, after), count in counts.items():
            of_source[before] += count
            of_target[after] += count
        found: defaultdict[Words, list[tuple[Words, tuple[float, ...]]]] = defaultdict(list)
        for (before, after), count in counts.items():
            lowered = _lower(after)
            scores = (
                log(count / of_source[before]),
                log(count / of_target[after]),
                _by_words(self.forward, before, lowered),
                _by_words(self.backward, lowered, before),
            )
            found[before].append((after, scores))
        return {
            before: ([after for after, _ in several], np.array([scores for _, scores in several]))
            for before, several in found.items()
        }

    def translate(self, text: str) -> str:
        """The translation of a text: the best candidate after its last word. Unknown words are copied."""
        source, config = words(text), self.config
        options = self._options(source)
        beams = [[Candidate(0.0, ())]]  # beams[n]: the best candidates for the first n words
        for end in range(1, len(source) + 1):
            extended = [
                (candidate, added, score)
                for start in range(max(0, end - config.longest), end)
                for added, score in options[start, end]
                for candidate in beams[start]
            ]
            language = self._language([(c.words, added) for c, added, _ in extended], end == len(source))
            best: dict[Words, Candidate] = {}  # of candidates that end alike only the best can win
            for (candidate, added, score), log_prob in zip(extended, language, strict=True):
                total = candidate.score + score + config.language * float(log_prob)
                together = candidate.words + added
                tail = together[max(0, len(together) - config.order + 1) :]
                if tail not in best or total > best[tail].score:
                    best[tail] = Candidate(total, together)
            beams.append(sorted(best.values(), reverse=True)[: config.n_beam])
        return _like(text, self._spacing.joined(beams[-1][0].words))

    def _options(self, source: list[str]) -> dict[Span, list[tuple[Words, float]]]:
        """The best translations of each phrase of a source and their scores, without that of the language model.

        A phrase may also be translated as two, the second first: "blue" and "sky" as "ciel" and "bleu".
        """
        config = self.config
        spans = [
            (start, start + width)
            for width in range(1, config.longest + 1)
            for start in range(len(source) - width + 1)
        ]
        whole = {(start, end): self._translations(source[start:end]) for start, end in spans}
        options = {}
        for start, end in spans:
            swapped = [
                (second + first, score + other + config.swap)
                for middle in range(start + 1, end)
                for first, score in whole[start, middle][:N_SWAPPED]
                for second, other in whole[middle, end][:N_SWAPPED]
            ]
            best = sorted(swapped, key=lambda option: -option[1])[: config.n_option]
            options[start, end] = whole[start, end] + best
        return options

    def _translations(self, phrase: list[str]) -> list[tuple[Words, float]]:
        """The best translations of a phrase as a whole, if it was ever seen; an unknown word stays as it is."""
        config, found = self.config, self.table.get(tuple(_lower(phrase)))
        if found is None:
            return [(tuple(phrase), UNKNOWN)] if len(phrase) == 1 else []
        targets, scores = found
        weights = np.array([config.forward, config.backward, config.lexical, config.lexical])
        total = scores @ weights + config.word * np.array([len(target) for target in targets])
        return [(targets[k], float(total[k])) for k in np.argsort(-total, kind="stable")[: config.n_option]]

    def _language(self, pairs: list[tuple[Words, Words]], ends: bool) -> Floats:
        """Log-probability of each second part given the first, ``(n,)``, and of the text's end if it ends there."""
        n_before = self.config.order - 1
        tokens: list[int] = []
        starts: list[int] = []
        for before, added in pairs:
            context = [0] * n_before + [self._numbers.get(word, 1) for word in before]
            starts.append(len(tokens))
            tokens += context[len(context) - n_before :]
            tokens += [self._numbers.get(it, 1) for it in added] + [0] * ends
        found = self.language_model.log_probs(tokens)  # one call, since a call costs more than a token
        for offset in range(n_before):
            found[np.array(starts) + offset] = 0  # given, not predicted
        return np.add.reduceat(found, starts)


class WordByWord:
    """Translation word by word, by the word of the translations that a word occurs together with.

    Dice, 1945 (https://doi.org/10.2307/1932409), measures this: twice the number of pairs of texts with both words over
    the number of texts with the one plus that with the other. The order of the words stays that of the source.

    Args:
        sources: texts.
        targets: their translations, in the same order.

    Attributes:
        table: the translation of each source word, which is in lower case.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        _refuse_unpaired(sources, targets)
        of_source, of_target, together = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
        for source, target in zip(sources, targets, strict=True):
            before, after = set(_lower(words(source))), set(_lower_first(words(target)))
            of_source.update(before)
            of_target.update(after)
            together.update(product(before, after))
        best: dict[str, tuple[float, str]] = {}
        for (a, b), count in together.items():
            best[a] = max(best.get(a, (0.0, "")), (2 * count / (of_source[a] + of_target[b]), b))
        self.table = {word: after for word, (_, after) in best.items()}
        self._spacing = Spacing(targets)

    def translate(self, text: str) -> str:
        """The translation of a text. Unknown words are copied."""
        return _like(text, self._spacing.joined([self.table.get(word.lower(), word) for word in words(text)]))


class Spacing:
    """Where a language puts spaces, counted in texts: before "(", after ")", not after ``l'``, and so on.

    Args:
        texts: in that language.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._votes = Counter[tuple[str, str]]()  # of two neighbours, and of one with "" for the other
        for text in texts:
            for one, other in pairwise(_WORD.finditer(text)):
                a, b = one.group(), other.group()
                for key in ((a, b), (a, ""), ("", b)):
                    self._votes[key] += 1 if one.end() < other.start() else -1

    def joined(self, sentence: Sequence[str]) -> str:
        """The text of some words and signs."""
        text = "".join(sentence[:1])
        for a, b in pairwise(sentence):
            spaced = self._votes[a, b]
            if not spaced and not (a[-1].isalnum() and b[0].isalnum()):
                # A sign says more than the word beside it.
                spaced = self._votes[("", b) if a[-1].isalnum() else (a, "")]
            text += f" {b}" if spaced >= 0 else b
        return text


def _lower(sentence: Iterable[str]) -> list[str]:
    return [word.lower() for word in sentence]


def _lower_first(sentence: list[str]) -> list[str]:
    """Without the capital letter that begins a text; "HTML" and "LibreOffice" stay."""
    return [word.lower() if number == 0 and word.istitle() else word for number, word in enumerate(sentence)]


def _like(source: str, target: str) -> str:
    """The target, with a capital letter first if the source has one."""
    return target[:1].upper() + target[1:] if source[:1].isupper() else target


def _by_words(table: dict[tuple[str, str], float], source: Sequence[str], target: Sequence[str]) -> float:
    """Log-probability of a phrase from those of its words, each the mean over the words it may come from."""
    return sum(
        log(max(1e-9, sum(table.get((s, t), 0.0) for s in (NULL, *source)) / (1 + len(source))))
        for t in target
    )


def _refuse_unpaired(sources: Sequence[str], targets: Sequence[str]) -> None:
    if not sources or len(sources) != len(targets):
        raise ValueError(f"Each source needs one target: there are {len(sources)} and {len(targets)}.")
