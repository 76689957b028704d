"""Questions about the articles of :mod:`.text`, made by rules, with their answers and the sentence that states them.

A rule is a pattern that finds a fact in a sentence about the article's subject ("was founded in 1961"), and two ways
to ask for it: with the words of the passage, and with others. From each fact come three questions, which differ in how
they name the subject:

- "named": by the article's title, with the verb of the passage;
- "copied": by the words with which the passage defines its subject, with the verb of the passage;
- "reworded": by the short description that Wikidata's volunteers wrote, which is not part of the passage, and with
  another verb.

The rules know nothing about the world: some questions are clumsy, and to some there is more than one right answer. The
chapter on question answering counts them.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass

import pandas as pd

from ..text.retrieval import words
from .text import wikipedia_articles

FORMS = ("named", "copied", "reworded")
DEVELOPMENT = 0.35  # of the facts
EACH = 45  # facts of a kind at most, drawn by a hash: otherwise cities would be half of all
_VERBS = {  # verb of the passage: as the passage would ask for a year, reworded; for a person, reworded
    "founded": ("When was {} founded?", "In what year did {} come into being?",
                "Who was {} founded by?", "Which person started {}?"),
    "established": ("When was {} established?", "In what year did {} come into being?",
                    "Who was {} established by?", "Which person started {}?"),
    "formed": ("When was {} formed?", "In what year did {} get together?", "", ""),
    "opened": ("When was {} opened?", "In what year could people first use {}?", "", ""),
    "completed": ("When was {} completed?", "In what year did work on {} end?", "", ""),
    "published": ("When was {} published?", "In what year did {} appear in print?", "", ""),
    "released": ("When was {} released?", "In what year did {} come out?", "", ""),
    "invented": ("When was {} invented?", "In what year did someone come up with {}?",
                 "Who was {} invented by?", "Which person came up with {}?"),
    "developed": ("", "", "Who was {} developed by?", "Which person came up with {}?"),
    "discovered": ("When was {} discovered?", "In what year did someone first find {}?",
                   "Who was {} discovered by?", "Which person first found {}?"),
    "written": ("When was {} written?", "In what year did its author finish {}?",
                "Who was {} written by?", "Which person is the author of {}?"),
    "composed": ("When was {} composed?", "In what year did a musician create {}?",
                 "Who was {} composed by?", "Which musician created {}?"),
    "painted": ("When was {} painted?", "In what year did an artist create {}?",
                "Who was {} painted by?", "Which artist created {}?"),
    "directed": ("", "", "Who was {} directed by?", "Which film-maker shot {}?"),
    "designed": ("", "", "Who was {} designed by?", "Which person drew the plans of {}?"),
    "created": ("When was {} created?", "In what year did {} come into being?",
                "Who was {} created by?", "Which person came up with {}?"),
    "introduced": ("When was {} introduced?", "In what year did {} first appear?",
                   "Who was {} introduced by?", "Which person first presented {}?"),
    "proposed": ("", "", "Who was {} proposed by?", "Which person first suggested {}?"),
}  # fmt: skip
_PART = r"[A-Z][\w'’-]*(?:\.(?= [A-Z]))?"
_NAME = rf"{_PART}(?: (?:(?:de|van|von|of|the|da|di|del|della|la|le|ibn|bin|du|der) )*{_PART})*"
_YEAR = r"(?P<answer>1\d{3}|20[0-2]\d)\b"
_BY = rf"(?:an? |the )?(?:(?:[A-Z][\w-]+ )?(?:[a-z-]+,? )+)?(?P<answer>{_NAME})"
_ABOUT = r"(?:about |over |around |approximately |nearly |almost |more than |some |roughly )*"
_POWER = r"ruled|reigned|ruling|reigning|served|serving|[Kk]ing|[Qq]ueen|[Ee]mperor|[Ee]mpress|[Pp]resident|[Ss]ultan"
_WROTE = r"novel|play|tragedy|comedy|poem|book|novella|treatise|essay|story|fable|satire|history"
_THINGS = r"^(?!People:)"
_WHO_WROTE = _VERBS["written"][2:]


@dataclass(frozen=True)
class Rule:
    """How a fact of one kind is found, and asked for."""

    kind: str
    pattern: str  # its group "answer" is the answer
    own: str  # the question with the passage's words; {} is the subject
    other: str  # the question in other words
    only: str = ""  # a pattern that the article's topic, ": " and definition must contain


@functools.cache
def rules() -> list[Rule]:
    """All rules, in the order in which they are tried; an article gives the first fact that fits."""
    found = [
        Rule("number", r"atomic number (?P<answer>\d+)",
             "What is the atomic number of {}?", "How many protons has an atom of {}?"),
        Rule("place", rf"(?:flows|empties|drains) into (?P<answer>(?:the )?{_NAME})",
             "What does {} flow into?", "Where does the water of {} end up?"),
        Rule("person", rf"named (?:after|for|in honou?r of) {_BY}",
             "Who was {} named after?", "Which person or thing gave the name to {}?"),
        Rule("name", r"Nobel Prize in (?P<answer>[A-Z][a-z]+(?: or [A-Z][a-z]+)?)",
             "In what did {} receive the Nobel Prize?", "For which field was {} honoured in Stockholm?", "People:"),
        Rule("person", rf"\b(?:{_WROTE}) (?:\w+ ){{0,3}}?by {_BY}", *_WHO_WROTE),
        Rule("person", rf"\b(?:opera|ballet|symphony|concerto|musical|oratorio) (?:\w+ ){{0,3}}?by {_BY}",
             *_VERBS["composed"][2:]),
        Rule("person", rf"\b(?:painting|fresco|portrait|sculpture|statue) (?:\w+ ){{0,3}}?by {_BY}",
             "Which artist is {} by?", "Who made {}?"),
    ]  # fmt: skip
    for verb, (when, when_other, who, who_other) in _VERBS.items():
        if who:
            found.append(Rule("person", rf"\b{verb} (?:in \d{{4}} )?by {_BY}", who, who_other, _THINGS))
        if when:
            pattern = rf"\b{verb} (?:by {_NAME} )?(?:on \d+ \w+ |on \w+ \d+, |in \w+ |in )(?:in )?{_YEAR}"
            found.append(Rule("year", pattern, when, when_other, _THINGS))
    found += [
        Rule("year", rf"\b(?:{_POWER})\b[^.;]{{0,70}}? from (?:\d+ \w+ )?{_YEAR} (?:until|to)",
             "From what year did {} rule or serve?", "In what year did {} come to power?", "People:"),
        Rule("year", rf"\b(?:lasted|fought|existed|ruled|occurred|place|controlled|raged|waged|flourished|which)\b"
             rf"[^.;]{{0,50}}? (?:from|between) (?:\d+ \w+ )?{_YEAR} (?:to|until|and)",
             "From what year did {} last?", "In what year was the start of {}?", "History:"),
        Rule("year", rf"\b(?:began|started|broke out)\b (?:on \d+ \w+ |in \w+ |in )(?:in )?{_YEAR}",
             "When did it begin, {}?", "In what year was the start of {}?", "History:"),
        Rule("year", r"until (?:his|her) (?:death|assassination|execution) in (?P<answer>\d{3,4})\b",
             "In what year was the death of {}?", "In what year did {} pass away?", "People:"),
        Rule("place", rf"[Bb]orn in (?P<answer>{_NAME})",
             "Where was {} born?", "Which place does {} come from?", "People:"),
        Rule("number", rf"(?:height|elevation|altitude) of {_ABOUT}(?P<answer>\d[\d.,]*) (?:m|met|ft|feet)",
             "What is the height of {}?", "How far up does {} reach?", "mountain|volcano|tower|skyscraper|range|peak"),
        Rule("number", rf"population of {_ABOUT}(?P<answer>\d[\d.,]*(?: million| billion)?)",
             "What is the population of {}?", "How many people live in {}?"),
        Rule("number", rf"area of {_ABOUT}(?P<answer>\d[\d.,]*(?: million)?) (?:km2|square k)",
             "What is the area of {}?", "How many square kilometres does {} cover?"),
        Rule("name", r"in the family (?P<answer>[A-Z][a-z]+)",
             "In what family is {}?", "Under which Latin group name do biologists list {}?"),
        Rule("place", rf"native to (?P<answer>(?:the |[a-z]+ern )*{_NAME})",
             "Where is {} native to?", "In which part of the world does {} grow or live in the wild?"),
        Rule("place", rf"capital (?:and (?:largest|most populous) city )?of (?P<answer>{_NAME})",
             "What is {} the capital of?", "Which region is governed from {}?"),
        Rule("place", rf"(?:located|situated|headquartered) in (?P<answer>(?:the )?{_NAME})",
             "Where is {} located?", "In which place would a visitor find {}?"),
    ]  # fmt: skip
    return found


_SUBJECT = re.compile(r"(?:It|He|She|They)\b|The (\w+)")
_DEFINED = re.compile(r"\b(?:is|are|was|were) (?:an?|the|one of the|any of the|any of several) (.+)")
_END = re.compile(
    r"[;:.(]| that | which | who | whose | where | when | and (?:is|was|the) | in which |,(?! [a-z]+,)"
)
_GOES_ON = re.compile(  # a name that is only the beginning of a phrase: "the Roman god"
    r" (?!(?:in|on|at|of|and|who|from|to|for|between|as|was|is|during|with|but|by|after|while|that|which)\b)[a-z]"
)
_LOOSE = re.compile(
    r"(?: (?:with|an?|the|and|or|of|in|by|on|as|to|for|located|owned|directed|written|founded|surface|area|having"
    r"|bounded|found))+$"
)
_SENTENCE = re.compile(r"(?<=[a-z0-9)”\"]{2}[.!?]) (?=[A-Z])")
_DATES = re.compile(
    r"\s*\([^)]*\)| ?\b(?:from|between) \d+ (?:to|until|and) \d+|^\d{4}s? "
    r"|,? \b(?:in|of|from|since) \d{4}\b| by [A-Z].*"
)


def sentences(text: str) -> list[str]:
    """Sentences of a text, split where a full stop after a word or number is followed by a capital letter."""
    return _SENTENCE.split(text)


def plain_title(title: str) -> str:
    """A title without what tells it from others: ``"Mercury (element)"`` is Mercury."""
    return re.sub(r" \(.*\)$", "", title)


def fact(title: str, text: str, topic: str) -> tuple[Rule, str, str, str] | None:
    """The first fact of an article that a rule finds.

    A sentence counts if it is the first one and one of its first words is of the title, or if it begins with a pronoun
    or with "The" and a word of the definition ("The city").

    Returns:
        the rule, the answer, the sentence that states it, and the sentence's part before the matched words.
    """
    name, definition = set(words(plain_title(title))), defined(text)
    about = []
    for place, sentence in enumerate(sentences(text)):
        begins = _SUBJECT.match(sentence)
        if (
            name & set(words(sentence)[:5])
            if not place
            else begins and (begins[1] or "the") in words(f"the {definition}")
        ):
            about.append(sentence)
    for rule in rules():
        if not re.search(rule.only, f"{topic}: {definition}"):
            continue
        for sentence in about:
            if not (match := re.search(rule.pattern, sentence)):
                continue
            answer, rest = match["answer"].strip(".,"), sentence[match.end("answer") :]
            several = r",? and (the )?[A-Z]" if rule.kind == "place" else r",? (and|or) |, [A-Z]"
            if rule.kind in ("person", "place") and re.match(several, rest):
                continue
            if rule.kind == "person" and (
                _GOES_ON.match(rest) or "based" in sentence or answer.endswith(("'s", "’s"))
            ):
                continue
            if "native" in rule.own and re.match(r",|/", rest):
                continue
            if set(words(answer)) <= name or (
                "population" in rule.own and len(re.findall("population|inhabitants", text)) > 1
            ):
                continue
            return rule, answer, sentence, sentence[: match.start()]
    return None


def defined(text: str) -> str:
    """How the first sentence defines its subject: the words after "is a", up to the end of the phrase."""
    match = _DEFINED.search(sentences(text)[0])
    return _phrase(match[1]) if match else ""


def _phrase(text: str) -> str:
    """The beginning of a text up to the end of the phrase."""
    return _LOOSE.sub("", _END.split(text)[0].strip())


def _drawn(name: str) -> float:
    return int.from_bytes(hashlib.sha256(f"question about {name}".encode()).digest()[:8]) / 2**64


def _article(phrase: str, text: str) -> str:
    """A phrase with "the" before it, and its first letter small unless the article writes the word large."""
    first, _, rest = phrase.partition(" ")
    if re.fullmatch("(?i:the|an?)", first):
        return f"the {rest}"
    large = (
        re.search(rf"\b{re.escape(first)}\b", text)
        or first.endswith(("an", "sh", "ese"))
        or not first[1:].islower()
    )
    return f"the {phrase if large else first.lower() + ' ' + rest}"


def _named(name: set[str], phrase: str) -> bool:
    """Whether a phrase names the article: with a word of its title that is written large, or with all of them."""
    large = {
        word.lower() for word in re.findall(r"\w+", phrase[:1].lower() + phrase[1:]) if word[0].isupper()
    }
    return bool(name & large) or name <= set(words(phrase))


def wikipedia_questions(*, unchecked: bool = False) -> pd.DataFrame:
    """Questions about English articles, made by rules: three for each fact of the parts "development" and "test".

    Only facts for which all three forms can be written are in these parts: the definition and the description have at
    least three words, hold neither the answer nor the title, and no other article has the same description; and at most
    :data:`EACH` facts of a relation. All other facts are in the part "training", in those forms that can be written.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``fact`` (a number), ``part`` ("training"; the others are drawn by a hash of the title), ``form`` (of
        :data:`FORMS`), ``kind`` of answer ("year", "number", "person", "place" or "name"), ``relation`` (the
        question's pattern), ``question``, ``answer``, ``article`` (row of :func:`~.text.wikipedia_articles`) and
        ``sentence``, which states the answer. The order is drawn by a hash of the title.
    """
    articles = wikipedia_articles(unchecked=unchecked)
    described = articles.description.map(lambda it: _LOOSE.sub("", " ".join(_DATES.sub("", it).split())))
    times = described.value_counts()
    rows: list[dict[str, object]] = []
    seen: dict[str, int] = {}
    for number, place in enumerate(sorted(range(len(articles)), key=lambda it: _drawn(articles.title[it]))):
        title, text, description = articles.title[place], articles.text[place], described[place]
        if (found := fact(title, text, articles.topic[place])) is None:
            continue
        rule, answer, sentence, before = found
        phrases = {"named": plain_title(title), "copied": defined(text), "reworded": description}
        if sentence == sentences(text)[0] and phrases["copied"] and phrases["copied"] not in before:
            match = _DEFINED.search(before)  # the fact is part of the definition: what stands before it
            phrases["copied"] = _phrase(match[1]) if match else ""
        name = set(words(plain_title(title))) - {"the", "of", "and", "in", "a"}
        forms = [
            form
            for form, phrase in phrases.items()
            if form == "named"
            or (
                len(words(phrase)) >= 3
                and not set(words(answer)) & set(words(phrase))
                and not _named(name, phrase)
            )
        ]
        part = "development" if _drawn(f"part of {title}") < DEVELOPMENT else "test"
        if len(forms) < len(FORMS) or times[description] > 1 or seen.get(rule.own, 0) >= EACH:
            part = "training"
        else:
            seen[rule.own] = seen.get(rule.own, 0) + 1
        for form in forms:
            subject = phrases[form] if form == "named" else _article(phrases[form], text)
            rows.append(
                {
                    "fact": number,
                    "part": part,
                    "form": form,
                    "kind": rule.kind,
                    "relation": rule.own,
                    "question": (rule.other if form == "reworded" else rule.own).format(subject),
                    "answer": answer,
                    "article": place,
                    "sentence": sentence,
                }
            )
    return pd.DataFrame(rows)


def unstated(questions: pd.DataFrame, articles: pd.DataFrame) -> pd.DataFrame:
    """Questions by title that the article does not answer: each asks for what is known of others of the same topic.

    Args:
        questions: of the form "named", from :func:`wikipedia_questions`.
        articles: from :func:`~.text.wikipedia_articles`.

    Returns:
        columns ``question``, ``article`` and ``relation``, a row for each question for which there is one: the relation
        is one of those asked about other articles of the topic, taken in turn, and no rule of it finds anything in the
        article.
    """
    topics = articles.topic[questions.article].to_list()
    pools: dict[str, list[str]] = {}
    for topic, relation in zip(topics, questions.relation, strict=True):
        if relation not in pools.setdefault(topic, []):
            pools[topic].append(relation)
    rows: list[dict[str, object]] = []
    columns = zip(questions.article.tolist(), questions.relation.tolist(), topics, strict=True)
    for turn, (place, relation, topic) in enumerate(columns):
        title, text, pool = articles.title[place], articles.text[place], pools[topic]
        for step in range(len(pool)):
            other = pool[(turn + step) % len(pool)]
            patterns = [rule.pattern for rule in rules() if rule.own == other]
            if other != relation and not any(re.search(it, text) for it in patterns):
                question = other.format(plain_title(title))
                rows.append({"question": question, "article": place, "relation": other})
                break
    return pd.DataFrame(rows)
