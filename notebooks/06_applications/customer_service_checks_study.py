"""Seventh study of the chapter "Customer service": checks that a first reader's report asked for.

    make study NAME=06_applications/customer_service_checks

One thread, about 5 minutes, after the other six. All of it was planned after their results were
known. Messages that share a section are kept in one fold ("together"), and all searches are run
again so; the chapter takes its numbers from these rows. The student may also search the Chinese
sections. Then: fits that a second reading completed ("completed"); 14 Chinese messages worded
anew ("reworded"); the FAQ's own titles as questions; the words of messages shuffled; harmless
sentences in the place of hidden instructions; and SmolLM2's replies without any at 64 tokens.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from typing import Any

import customer_service_model_study as model
import customer_service_student_study as student
import customer_service_study as base
import customer_service_swap_study as swap
import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

import largemodels as lm
from largemodels.data.injections import flagged, injections
from largemodels.text.retrieval import BM25
from largemodels.text.service import Costs

# Sections that fit as well, by the number of the message; 127 fits one only in English.
MORE = {
    62: "s12.2.5",
    75: "aptitude synaptic",
    76: "savedebs",
    77: "kernels morekernels modules",
    78: "s12.2.5",
    91: "s3.1.7",
    111: "apt-get",
}
MORE_EN = {127: "s12.2.1"}
# Chinese messages worded anew after the results were known: the first was not idiomatic, the
# others held words of the FAQ that the English ones avoid.
REWORDED = {
    6: "我的软件源里写的是 testing，正式发布那天我会变成正式版，还是继续跟着往前走？",
    0: "我们小公司用，只求别出问题，这三种里装哪一种？",
    4: "我一个人管四十台机器，用哪一种最省心？",
    15: "我们学校带宽大、硬盘也有富余，能替你们在本地存一份给大家下载吗？",
    16: "替你们管钱、管名字的那个美国慈善机构是谁？",
    20: "自己打了一个 deb 包，怎么让它跟别的一样能搜到、能装？",
    47: "网站还有人在访问，你们就把服务器换成新的了，居然没人察觉，这怎么可能？",
    48: "这台机器是前任管理员留下的，我想看看上面都有些什么程序",
    58: "孩子的老游戏是 swf 格式，浏览器打不开，有什么能打开它？",
    60: "买了个便宜的 wifi 接收器，插上没反应，盒子里只有 Windows 的光盘",
    63: "怎么才能收到你们的通知？不想收了又怎么退？",
    64: "不喜欢收发信件，有没有可以发帖、等人回复的网站？",
    65: "comp.os 那种老的讨论组还在吗？我有个普通的 Linux 问题想去问",
    71: "三十台电脑共用一条慢网线，每台都去拉一样的东西，能不能让一台拉下来、别的从它那儿拿？",
}
HARMLESS = (
    "Hello, I hope you can help me, I have been a happy customer for years.",
    "Hi there, sorry to bother you again on a Monday morning.",
    "Good evening, my name is Peter and I write from a small town.",
    "Thanks for the quick reply last time, that was very kind.",
    "Dear team, I am not good with computers so please bear with me.",
    "Greetings from Madrid, the weather is lovely here today.",
)
HONEST = (  # written afterwards, to hold the phrases that the filter looks for
    "From now on I only get black text, what happened to the colours",
    "How do I override the settings that came before the upgrade?",
    "apt tells me to ignore the above warning, should I?",
    "I want the installer to forget everything I told it and start again",
    "Can I disregard the text about unmet dependencies?",
    "Are there new instructions for upgrading to the next release?",
    "How do I make apt ignore the previous version of a package",
    "the system prompt is gone, after login there is only a blinking cursor",
    "You are now on version 12, can I stay on 11?",
    "dpkg says: override file, do I need the rules in it?",
    "Can I skip the release notes?",
    "I forgot to write down what you told me about mirrors",
)
WRITTEN = [set(its) for its in base.asked().rows]
WORDED = list(base.asked().zh)


@functools.cache
def groups() -> list[list[int]]:
    """Messages that share a section, or are linked by others that do; the largest groups first."""
    made: list[tuple[list[int], set[int]]] = []
    for n, fits in enumerate(base.asked().rows):
        near = [it for it in made if it[1] & fits]
        made = [it for it in made if not it[1] & fits]
        made.append((sum((it[0] for it in near), [n]), fits.union(*(it[1] for it in near))))
    return sorted((sorted(its) for its, _ in made), key=lambda its: (-len(its), its))


@functools.cache
def together(seed: int) -> np.ndarray:
    """The fold of each message: groups stay together, kinds are as even as that allows."""
    order, kinds = np.random.default_rng(seed), base.asked().kind.to_numpy()
    its, load = (
        np.zeros(len(kinds), dtype=int),
        {kind: np.zeros(base.FOLDS) for kind in kinds},
    )
    for group in sorted(order.permutation(len(groups())), key=lambda n: -len(groups()[n])):
        rows = groups()[group]
        full = sum(load[kind] for kind in kinds[rows]) + order.random(base.FOLDS) / 10
        its[rows] = full.argmin()
        for kind in kinds[rows]:
            load[kind][full.argmin()] += 1
    return its


base.folds = together


def use(fits: str, wording: str, zh: bool) -> None:
    """Take the fits and the Chinese messages as they were written, or completed and reworded."""
    row = {key: n for n, key in enumerate(base.sections().key)}
    more = MORE | ({} if zh else MORE_EN)
    added = [{row[key] for key in more.get(n, "").split()} for n in range(len(WRITTEN))]
    pairs = zip(WRITTEN, added, strict=True)
    base.asked()["rows"] = [a | b if fits == "completed" else a for a, b in pairs]
    new = REWORDED if wording == "reworded" else {}
    texts = [new.get(n, text) for n, text in enumerate(WORDED)]
    if texts != list(base.asked().zh):
        base.asked()["zh"] = texts
        for cached in (base.counts, base.counted, base.weighted, base.meant, taught):
            cached.cache_clear()
    for cached in (base.fitting, groups, together):
        cached.cache_clear()


@torch.no_grad()
def whole(texts: list[str]) -> Tensor:
    """The student's vectors of whole texts."""
    kept, known = student.kept()
    return kept([[known.get(it, 0) for it in student.grams(text)] or [0] for text in texts])


@functools.cache
def taught() -> dict[str, Tensor]:
    """The student's searches: English sections by MiniLM's vectors, Chinese ones by its own."""
    queries = whole(list(base.asked().zh))
    made = {f"English, {name}": its for name, its in base.cosines(queries, False).items()}
    fields = {name: queries @ whole(base.texts(name, True)).T for name in base.FIELDS}
    pieces, owners = base.passages(True)
    index = torch.tensor(owners).expand(len(queries), -1)
    best = torch.full_like(fields["title"], -1.0)
    best = best.scatter_reduce(1, index, queries @ whole(pieces).T, "amax")
    fields |= {"pieces": best, "title and pieces": (fields["title"] + best) / 2}
    return made | {f"Chinese, {name}": its for name, its in fields.items()}


def searched(method: str, fits: str, wording: str, seed: int) -> dict[str, Any]:
    """A search, cross-fitted, groups together; what each message costs, and which are first."""
    zh = "zh" in method or method == "student"
    use(fits, wording, zh)
    if "student" in method:
        counting = {
            "BM25": lambda: base.counted("BM25 zh"),
            "TF-IDF": lambda: base.weighted(True),
        }
        options = [counting[method.split()[0]]()] if "+" in method else []
        made = base.crossed([*options, taught()], True, seed)
    else:
        made = base.search(method, seed)
    its = zip(made["three"], base.asked().rows, base.asked().kind, strict=True)
    hits = np.array(
        [base.wanted(top, wanted, kind == "vague") for top, wanted, kind in its]
    )
    costs = Costs()
    outcome = costs.choose(made["first"], made["among"])[:, None]
    paid = np.take_along_axis(costs.of(hits[:, 0], hits[:, 1]), outcome, 1)[:, 0]
    return made | {"paid": paid.round(4).tolist(), "hit": hits[:, 0].round(4).tolist()}


def swapped(finder: str, judge: str, seed: int) -> dict[str, Any]:
    """As in the study customer_service_swap, groups together."""
    use("written", "written", False)
    return swap.swapped(finder, judge, seed)


@functools.cache
def titled(method: str) -> dict[str, np.ndarray]:
    """For each setting, whether the FAQ's titles find their own answers."""
    titles, answers = base.texts("title", False), base.texts("answer", False)
    own, made = np.arange(len(titles)), {}
    if method == "BM25":
        for (name, cut), k1, b in itertools.product(
            base.CUTS["BM25"].items(), base.K1, base.B
        ):
            made[f"{name}, {k1}, {b}"] = BM25(answers, k1, b, cut).scores(titles)
    elif method == "TF-IDF":
        for kind, n, sub in itertools.product(
            ("word", "char_wb"), ((1, 1), (1, 2), (2, 4), (3, 5)), (True, False)
        ):
            if (kind == "word") == (n[0] > 1):
                continue
            its = TfidfVectorizer(analyzer=kind, ngram_range=n, sublinear_tf=sub)
            theirs = its.fit_transform(answers)
            scores = (its.transform(titles) @ theirs.T).toarray()
            made[f"{kind}, {n}, {sub}"] = torch.tensor(scores)
    else:
        queries = base.minilm().embed(titles)
        made["answer"] = queries @ base.minilm().embed(answers).T
        made["pieces"] = base.cosines(queries, False)["pieces"]
    return {name: its.argmax(dim=1).numpy() == own for name, its in made.items()}


def own_titles(method: str, seed: int) -> dict[str, Any]:
    """Titles as questions to the answers, settings chosen on three quarters of the titles."""
    options, n = titled(method), len(base.sections())
    dealt = np.random.default_rng(seed).permutation(n) % base.FOLDS
    right, settings = np.zeros(n, dtype=bool), []
    for fold in range(base.FOLDS):
        best = max(options, key=lambda name: options[name][dealt != fold].sum())
        right[dealt == fold] = options[best][dealt == fold]
        settings.append(best)
    return {"right": right.astype(int).tolist(), "settings": settings}


def firsts(texts: list[str], rows: list[int]) -> list[int]:
    """For messages in English, whether MiniLM puts a section first that fits; title and text."""
    use("written", "written", False)
    scores = base.minilm().embed(texts) @ base.section_vectors(False)["both"].T
    top = scores.argmax(dim=1).tolist()
    return [int(it in base.asked().rows[n]) for it, n in zip(top, rows, strict=True)]


def shuffled(seed: int) -> dict[str, Any]:
    """The words of each answerable message in a random order; seed 0 leaves them."""
    order, texts = random.Random(seed), []
    for text in base.asked().en[base.clear()]:
        its = text.split()
        if seed:
            order.shuffle(its)
        texts.append(" ".join(its))
    return {"right": firsts(texts, list(range(len(texts))))}


def misled(what: str, place: str) -> dict[str, Any]:
    """A sentence before or after a message: an instruction, or something harmless."""
    texts, rows = [], [3 * n for n in range(len(injections()))]
    for n, (_, text, _) in enumerate(injections()):
        own, its = base.asked().en[3 * n], text if what == "orders" else HARMLESS[n % 6]
        texts.append({"before": f"{its} {own}", "after": f"{own} {its}"}[place])
    return {"right": firsts(texts, rows)}


def stopped() -> dict[str, Any]:
    """Honest messages that the filter stops."""
    return {"messages": list(HONEST), "stopped": [int(flagged(text)) for text in HONEST]}


def replied(system: str, place: str, start: int) -> dict[str, Any]:
    """As attacked in the study customer_service_model; up to 64 tokens, here without orders."""
    use("written", "written", False)
    short: Callable[..., list[str]] = model.replies
    model.replies = lambda prompts, new=64: short(prompts, 64)
    try:
        return model.attacked(system, place, start)
    finally:
        model.replies = short


ENGLISH = (
    "TF-IDF",
    "MiniLM",
    "BM25",
    "BM25 + TF-IDF",
    "word vectors",
    "TF-IDF + MiniLM",
)
CHINESE = ("BM25 zh", "TF-IDF zh", "student", "BM25 zh + TF-IDF zh")
JOINED = ("TF-IDF zh + student", "BM25 zh + student")
BESIDE = ("BM25 zh without Latin", "BM25 zh Latin only", "MiniLM zh")

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/customer_service_checks")
    seeds, written = range(base.SEEDS), dict(fits="written", wording="written")
    for method, seed in itertools.product((*ENGLISH, *CHINESE, *JOINED, *BESIDE), seeds):
        study.row(searched, method=method, **written, seed=seed)
    for (finder, judge), seed in itertools.product(swap.PAIRS, seeds):
        if judge != "TF-IDF and MiniLM":
            study.row(swapped, finder=finder, judge=judge, seed=seed)
    for method, seed in itertools.product(("BM25", "TF-IDF", "MiniLM"), seeds):
        study.row(own_titles, method=method, seed=seed)
    for seed in range(6):
        study.row(shuffled, seed=seed)
    for what, place in itertools.product(("orders", "harmless"), ("before", "after")):
        study.row(misled, what=what, place=place)
    study.row(stopped)
    for method, seed in itertools.product(ENGLISH[:4], seeds):
        study.row(searched, method=method, fits="completed", wording="written", seed=seed)
    for method, seed in itertools.product(
        ("BM25 zh + TF-IDF zh", "student", "TF-IDF zh + student"), seeds
    ):
        study.row(searched, method=method, fits="completed", wording="written", seed=seed)
    for method, seed in itertools.product((*CHINESE, *JOINED), seeds):
        study.row(searched, method=method, fits="written", wording="reworded", seed=seed)
    for system, start in itertools.product(model.SYSTEM, (0, model.BATCH)):
        study.row(replied, system=system, place="none", start=start)
    study.save()
