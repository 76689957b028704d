from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.evaluation import continuation_loss, evaluate
from largemodels.text.generation import Session, beam_search, generate, pad, steps
from largemodels.text.sampling import Sampling, penalised

VOCAB = 7
GENERATOR = torch.Generator


def model(**changes: Any) -> GPT:
    torch.manual_seed(3)
    sizes = dict(vocab_size=VOCAB, context_length=5, n_layer=2, n_head=3, d_model=18, tied_head=False)
    gpt = GPT(GPTConfig(**(sizes | changes)))
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.normal_(std=0.5)
    return gpt


ROTARY = dict(position="rotary", norm="rmsnorm", qk_norm=True, n_kv_head=1, activation="swiglu", bias=False)


@pytest.mark.parametrize("changes", [{}, ROTARY], ids=["gpt2", "modern"])
@pytest.mark.parametrize("time", [1, 4, 5, 6, 9])
def test_greedy_takes_the_likeliest_token_of_the_last_window(changes: dict, time: int) -> None:
    """Within the context, across its end and beyond, with the model called anew on each window."""
    gpt = model(**changes)
    tokens = torch.randint(VOCAB, (3, time))
    continued = generate(gpt, tokens, n_new=8, temperature=0)
    assert continued.shape == (3, time + 8)
    assert torch.equal(continued[:, :time], tokens)
    gpt.eval()
    for end in range(time, time + 8):
        window = continued[:, max(0, end - 5) : end]
        assert torch.equal(continued[:, end], gpt(window)[:, -1].argmax(dim=-1))


@pytest.mark.parametrize("changes", [{}, ROTARY], ids=["gpt2", "modern"])
def test_each_token_is_read_once_and_what_is_kept_changes_nothing(changes: dict) -> None:
    gpt = model(context_length=11, **changes).eval()
    text = torch.randint(VOCAB, (3, 14))
    read = []
    gpt.token_embedding.register_forward_hook(lambda _, arguments, __: read.append(arguments[0].shape[1]))
    with torch.no_grad():
        session = Session(gpt, text[:, :4], 10)
        assert session.cache is not None
        assert session.cache.capacity == 11
        logits = [session.read(text[:, :end]) for end in range(4, 15)]
    assert read == [4, 1, 1, 1, 1, 1, 1, 1, 11, 11, 11]
    for end, found in zip(range(4, 15), logits, strict=True):
        torch.testing.assert_close(found, gpt(text[:, max(0, end - 11) : end])[:, -1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, ROTARY], ids=["gpt2", "modern"])
@pytest.mark.parametrize("context_length", [5, 20])
def test_a_padded_prompt_gives_what_it_gives_alone(changes: dict, context_length: int) -> None:
    gpt = model(context_length=context_length, **changes)
    prompts = [torch.randint(VOCAB, (length,)) for length in (1, 4, 3)]
    tokens, mask = pad(prompts, token=6)
    options: dict[str, Any] = {"temperature": 0, "repetition_penalty": 1.4, "end_token": 2}
    together = generate(gpt, tokens, 12, mask=mask, **options)
    for row, prompt in zip(together, prompts, strict=True):
        alone = generate(gpt, prompt[None], 12, **options)[0, len(prompt) :]
        assert row[4:][: len(alone)].tolist() == alone.tolist()
        assert (row[4:][len(alone) :] == 2).all()
    if context_length == 20:
        best = beam_search(gpt, tokens, 9, 3, mask=mask, repetition_penalty=1.4)
        for row, prompt in zip(best, prompts, strict=True):
            alone = beam_search(gpt, prompt[None], 9, 3, repetition_penalty=1.4)
            assert row[4:].tolist() == alone[0, len(prompt) :].tolist()


def test_pad_fills_on_the_left() -> None:
    tokens, mask = pad([torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([4, 5, 6])], token=9)
    assert tokens.tolist() == [[9, 1, 2], [9, 9, 3], [4, 5, 6]]
    assert mask.tolist() == [[False, True, True], [False, False, True], [True, True, True]]


def p_value(counts: Tensor, wanted: Tensor) -> float:
    """Of Pearson's chi-squared test: how often counts of a right sampler are at least that far from the wanted."""
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    return torch.special.gammaincc(torch.tensor((len(counts) - 1) / 2.0).double(), statistic / 2).item()


# Sampling against exact probabilities: each filter is written out once more, with Python's own numbers.


def expected(logits: list[float], seen: set[int], sampling: Sampling) -> list[float]:
    """Probabilities of the tokens, by the definitions."""
    from math import exp

    if sampling.repetition_penalty != 1:
        r = sampling.repetition_penalty
        logits = [(x / r if x > 0 else x * r) if t in seen else x for t, x in enumerate(logits)]
    weights = [exp(x / sampling.temperature) for x in logits]
    likeliest = sorted(range(len(weights)), key=lambda t: -weights[t])
    kept = likeliest[: sampling.top_k]
    if sampling.top_p is not None:
        whole, total, nucleus = sum(weights[t] for t in kept), 0.0, []
        for token in kept:
            nucleus.append(token)
            total += weights[token] / whole
            if total >= sampling.top_p:
                break
        kept = nucleus
    whole = sum(weights[t] for t in kept)
    return [weights[t] / whole if t in kept else 0.0 for t in range(len(weights))]


FILTERS = {
    "none": Sampling(),
    "temperature": Sampling(temperature=1.7),
    "top_k": Sampling(top_k=3),
    "top_p": Sampling(top_p=0.6),
    "repetition_penalty": Sampling(repetition_penalty=1.8),
    "top_k before top_p": Sampling(top_k=4, top_p=0.8),
    "all": Sampling(temperature=1.3, top_k=5, top_p=0.9, repetition_penalty=0.7),
}


@pytest.mark.parametrize("name", FILTERS)
def test_samples_have_the_exact_distribution(name: str) -> None:
    """A chi-squared test: a right sampler fails it once in a million, and the seed is fixed."""
    sampling, gpt, n = FILTERS[name], model().eval(), 20_000
    prompt = torch.tensor([[3, 1, 4]])
    with torch.no_grad():
        exact = expected(gpt(prompt)[0, -1].tolist(), {3, 1, 4}, sampling)
    assert (min(exact) == 0) == (sampling.top_k is not None or sampling.top_p is not None)
    options = {field: getattr(sampling, field) for field in Sampling.__dataclass_fields__}
    drawn = generate(gpt, prompt.expand(n, -1), 1, generator=GENERATOR().manual_seed(1), **options)[:, -1]
    counts = torch.bincount(drawn, minlength=VOCAB)
    possible = torch.tensor(exact) > 0
    assert counts[~possible].sum() == 0
    wanted = torch.tensor(exact, dtype=torch.float64)[possible] * n
    assert p_value(counts[possible].double(), wanted) > 1e-6


def test_a_wrong_distribution_would_be_noticed() -> None:
    """The test above has power: the same counts do not fit a temperature that is off by a twentieth."""
    gpt, n, prompt = model().eval(), 20_000, torch.tensor([[3, 1, 4]])
    with torch.no_grad():
        logits = gpt(prompt)[0, -1].tolist()
    drawn = generate(gpt, prompt.expand(n, -1), 1, generator=GENERATOR().manual_seed(1))[:, -1]
    counts = torch.bincount(drawn, minlength=VOCAB).double()
    wrong = torch.tensor(expected(logits, set(), Sampling(temperature=1.1)), dtype=torch.float64) * n
    assert p_value(counts, wrong) < 1e-6


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(1e-6, [0]), (0.5, [0]), (0.51, [0, 1]), (0.75, [0, 1]), (0.76, [0, 1, 2]), (1.0, [0, 1, 2, 3])],
)
def test_top_p_keeps_the_token_that_crosses_the_line(top_p: float, kept: list[int]) -> None:
    probs = torch.tensor([[0.5, 0.25, 0.125, 0.125]])
    found = Sampling(top_p=top_p).probs(probs.log())
    assert found[0].nonzero()[:, 0].tolist() == kept
    torch.testing.assert_close(found[0, kept], probs[0, kept] / probs[0, kept].sum())


def test_two_steps_have_the_product_of_their_probabilities() -> None:
    gpt, n, prompt = model().eval(), 20_000, torch.tensor([[2]])
    with torch.no_grad():
        first = gpt(prompt)[0, -1].softmax(-1).double()  # (vocab_size,)
        both = torch.stack([torch.tensor([2, token]) for token in range(VOCAB)])
        second = gpt(both)[:, -1].softmax(-1).double()  # (vocab_size, vocab_size)
    drawn = generate(gpt, prompt.expand(n, -1), 2, generator=GENERATOR().manual_seed(5))[:, 1:]
    counts = torch.bincount(drawn[:, 0] * VOCAB + drawn[:, 1], minlength=VOCAB**2).double()
    wanted = (first[:, None] * second).flatten() * n
    assert p_value(counts, wanted) > 1e-6


def test_a_generator_makes_samples_repeatable() -> None:
    gpt, prompt = model(), torch.tensor([[2]])
    first = generate(gpt, prompt, 20, generator=GENERATOR().manual_seed(3))
    assert torch.equal(first, generate(gpt, prompt, 20, generator=GENERATOR().manual_seed(3)))
    assert not torch.equal(first, generate(gpt, prompt, 20, generator=GENERATOR().manual_seed(4)))


# Beam search against all continuations there are.


def all_continuations(gpt: GPT, prompt: Tensor, n_new: int, end_token: int | None) -> dict[tuple, float]:
    """Every continuation that ends or has ``n_new`` tokens, with its log-probability."""
    begun, whole = {(): 0.0}, {}
    for length in range(1, n_new + 1):
        longer: dict[tuple, float] = {}
        for tokens, score in begun.items():
            text = torch.cat([prompt, torch.tensor([tokens], dtype=torch.long)], dim=1)
            for token, log_prob in enumerate(gpt(text)[0, -1].log_softmax(-1).tolist()):
                ends = token == end_token or length == n_new
                (whole if ends else longer)[(*tokens, token)] = score + log_prob
        begun = longer
    return whole


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("end_token", [None, 4])
@torch.no_grad()
def test_a_wide_beam_finds_the_best_of_all(length_penalty: float, end_token: int | None) -> None:
    """With as many beams as beginnings the search is exhaustive; that it may stop early favours no other."""
    gpt, prompt = model().eval(), torch.tensor([[2, 5]])
    whole = all_continuations(gpt, prompt, 3, end_token)
    best = max(whole, key=lambda tokens: whole[tokens] / len(tokens) ** length_penalty)
    options: dict[str, Any] = {"length_penalty": length_penalty, "end_token": end_token}
    found = beam_search(gpt, prompt, 3, VOCAB**3, **options)
    assert tuple(found[0, 2:].tolist()) == best
    assert found.shape == (1, 2 + len(best))


@torch.no_grad()
def test_one_beam_is_greedy_and_more_find_something_likelier() -> None:
    gpt, prompts = model(context_length=12).eval(), torch.randint(VOCAB, (20, 3))

    def log_prob(text: Tensor) -> Tensor:
        chosen = gpt(text[:, :-1]).log_softmax(-1).gather(2, text[:, 1:, None])[..., 0]
        return chosen[:, 2:].sum(dim=1)

    greedy = generate(gpt, prompts, 8, 0)
    assert torch.equal(beam_search(gpt, prompts, 8, 1), greedy)
    gain = log_prob(beam_search(gpt, prompts, 8, 6)) - log_prob(greedy)
    assert gain.mean() > 0.05


def test_beam_search_goes_on_beyond_the_context() -> None:
    gpt, prompt = model().eval(), torch.randint(VOCAB, (2, 4))
    assert torch.equal(beam_search(gpt, prompt, 9, 1), generate(gpt, prompt, 9, 0))
    assert beam_search(gpt, prompt, 9, 3).shape == (2, 13)


# Ends.


def test_a_row_that_has_ended_is_filled_and_all_ended_stops() -> None:
    gpt, prompts = model().eval(), torch.randint(VOCAB, (40, 2))
    plain = generate(gpt, prompts, 12, 0)[:, 2:]
    rows_with = torch.tensor([(plain == token).any(dim=1).sum() for token in range(VOCAB)])
    end = int((rows_with - 20).abs().argmin())  # about half of the rows write it
    ended = generate(gpt, prompts, 12, 0, end_token=end)[:, 2:]
    for row, whole in zip(ended.tolist(), plain.tolist(), strict=True):
        until = whole.index(end) if end in whole else len(whole)
        assert row[:until] == whole[:until]
        assert all(token == end for token in row[until:])
    that_end = [row for row in range(40) if end in plain[row].tolist()]
    longest = max(plain[row].tolist().index(end) + 1 for row in that_end)
    assert 0 < len(that_end) < 40 and longest < 12
    assert generate(gpt, prompts[that_end], 12, 0, end_token=end).shape[1] == 2 + longest


def test_steps_come_one_by_one() -> None:
    gpt, prompts = model(), torch.randint(VOCAB, (3, 2))
    whole = generate(gpt, prompts, 6, 0)
    some = steps(gpt, prompts, 6, Sampling(temperature=0))
    assert torch.equal(next(some), whole[:, 2:3])
    assert torch.equal(next(some), whole[:, 3:4])
    assert len(list(some)) == 4


@pytest.mark.parametrize("search", [generate, beam_search])
def test_nothing_to_add(search) -> None:
    prompts = torch.randint(VOCAB, (3, 2))
    assert torch.equal(search(model(), prompts, 0), prompts)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_restored(training: bool) -> None:
    gpt, prompts = model(dropout=0.5).train(training), torch.randint(VOCAB, (3, 2))
    assert torch.equal(generate(gpt, prompts, 6, 0), generate(gpt, prompts, 6, 0))
    beam_search(gpt, prompts, 2)
    some = steps(gpt, prompts, 6, Sampling())
    next(some)
    some.close()
    assert gpt.training is training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("context_length", [5, 30])
@pytest.mark.parametrize("padded", [False, True])
def test_generators_in_turn_with_training_between(context_length: int, padded: bool) -> None:
    """Each gives what it gives alone, and between two tokens every module has the mode that the caller chose."""
    gpt, prompts = model(dropout=0.5, context_length=context_length).train(), torch.randint(VOCAB, (3, 2))
    gpt.blocks[1].eval()  # as of a frozen part
    modes = [module.training for module in gpt.modules()]
    mask = torch.tensor([[False, True]] * 3) if padded else None
    wanted = generate(gpt, prompts, 9, 0, mask=mask)[:, 2:]
    one, two, abandoned = (steps(gpt, prompts, 9, Sampling(temperature=0), mask=mask) for _ in range(3))
    next(abandoned)
    found: tuple[list, list] = ([], [])
    for some, other in zip(one, two, strict=True):
        for chosen, so_far in ((some, found[0]), (other, found[1])):
            so_far.append(chosen)
        assert [module.training for module in gpt.modules()] == modes
        assert evaluate(gpt, torch.arange(7) % VOCAB, 4) > 0
        assert [module.training for module in gpt.modules()] == modes
    assert torch.equal(torch.cat(found[0], dim=1), wanted)
    assert torch.equal(torch.cat(found[1], dim=1), wanted)
    del abandoned
    assert [module.training for module in gpt.modules()] == modes


def test_an_error_within_leaves_the_mode() -> None:
    gpt, calls = model().train(), []

    def fail(*_: object) -> None:
        calls.append(gpt.training)
        raise RuntimeError("broken")

    gpt.final_norm.register_forward_hook(fail)
    for use in (
        lambda: generate(gpt, PROMPT, 2),
        lambda: beam_search(gpt, PROMPT, 2),
        lambda: evaluate(gpt, torch.zeros(9, dtype=torch.long), 3),
        lambda: continuation_loss(gpt, [PROMPT[0]], [PROMPT[0, :1]]),
    ):
        with pytest.raises(RuntimeError, match="broken"):
            use()
        assert all(module.training for module in gpt.modules())
    assert calls == 4 * [False]


# Extremes, and numbers of other kinds.


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("n_new", [0, 3])
def test_prompts_of_any_integers_and_layout(dtype: torch.dtype, n_new: int) -> None:
    gpt, prompts = model(vocab_size=400).eval(), torch.randint(100, (2, 3))
    wanted = generate(gpt, prompts, n_new, 0, repetition_penalty=1.3)
    for view in (prompts, prompts.T.contiguous().T, torch.stack([prompts, prompts], dim=2)[..., 0]):
        found = generate(gpt, view.to(dtype), n_new, 0, repetition_penalty=1.3)
        assert found.dtype == torch.int64 and torch.equal(found, wanted)  # some exceed 127, and 255
        best = beam_search(gpt, view.to(dtype), n_new, 2, repetition_penalty=1.3)
        assert torch.equal(best, beam_search(gpt, prompts, n_new, 2, repetition_penalty=1.3))
    row = prompts[:1].expand(3, -1)
    assert torch.equal(generate(gpt, row.to(dtype), n_new, 0), generate(gpt, row.clone(), n_new, 0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
def test_a_prompt_of_other_numbers_is_refused(dtype: torch.dtype) -> None:
    for search in (generate, beam_search):
        with pytest.raises(ValueError, match="Tokens must be integers, not torch"):
            search(model(), PROMPT.to(dtype), 2)


@pytest.mark.parametrize("end_token", [None, 0])
@pytest.mark.parametrize("n_beam", [1, 2, 5])
def test_beams_over_a_vocabulary_of_one(n_beam: int, end_token: int | None) -> None:
    gpt = model(vocab_size=1).eval()
    found = beam_search(gpt, PROMPT, 4, n_beam, end_token=end_token)
    assert found.tolist() == [[0] * (7 if end_token is None else 4)] * 2
    assert generate(gpt, PROMPT, 4, end_token=end_token).shape == found.shape


@pytest.mark.parametrize("end_token", [None, 1])
@torch.no_grad()
def test_more_beams_than_tokens(end_token: int | None) -> None:
    gpt, prompt = model(vocab_size=2).eval(), torch.tensor([[0, 1]])
    whole = all_continuations(gpt, prompt, 3, end_token)
    best = max(whole, key=lambda tokens: whole[tokens])
    found = beam_search(gpt, prompt, 3, 20, length_penalty=0, end_token=end_token)
    assert tuple(found[0, 2:].tolist()) == best


LOGITS = torch.tensor([[1.0, 3.0, -2.0, 2.0]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-45, 1e-38, 1e-16, 1e-15, 1e-8])
@pytest.mark.parametrize("sign", [1, -1])
def test_tiny_temperatures_are_greedy(temperature: float, sign: int, dtype: torch.dtype) -> None:
    for filters in ({}, {"top_k": 2}, {"top_p": 0.5}, {"repetition_penalty": 1.2}):
        sampling = Sampling(temperature, **filters)  # type: ignore[arg-type]
        probs = sampling.probs(sign * LOGITS.to(dtype))
        assert probs.tolist() == [[0.0, 1.0, 0.0, 0.0] if sign > 0 else [0.0, 0.0, 1.0, 0.0]]
        chosen = sampling.choose(sign * LOGITS.to(dtype), torch.tensor([[0]]))
        assert chosen.item() == Sampling(0.0).choose(sign * LOGITS, PROMPT[:1]).item()
    same = Sampling(temperature).probs(torch.tensor([[2.0, 0.0, 2.0]], dtype=dtype))
    assert same.tolist() == [[0.5, 0.0, 0.5]]


@pytest.mark.parametrize("temperature", [1e16, 1e39, 1e308])
def test_huge_temperatures_are_uniform(temperature: float) -> None:
    assert Sampling(temperature).probs(LOGITS).tolist() == [[0.25] * 4]
    hidden = torch.tensor([[0.0, 5.0, -torch.inf]])  # a token that the model excludes stays excluded
    assert Sampling(temperature).probs(hidden).tolist() == [[0.5, 0.5, 0.0]]


@pytest.mark.parametrize("top_p", [5e-324, 1e-300, 1e-45, 1e-20])
def test_a_tiny_top_p_keeps_the_likeliest(top_p: float) -> None:
    assert Sampling(top_p=top_p).probs(LOGITS).tolist() == [[0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("penalty", [1e16, 1e300])
@pytest.mark.parametrize("temperature", [1e-300, 1e-3])
def test_extreme_penalties_act_as_their_limits(penalty: float, temperature: float) -> None:
    seen = torch.tensor([[1, 2, 3]])
    huge, tiny = (Sampling(temperature, repetition_penalty=some) for some in (penalty, 1 / penalty))
    assert huge.choose(LOGITS, seen).item() == 0  # 1, all others at most 0
    assert tiny.choose(LOGITS, seen).item() == 1
    everything = torch.tensor([[0, 1, 2, 3]])
    for some in (huge, tiny):
        assert some.probs(penalised(-LOGITS.abs(), everything, some.repetition_penalty)).isfinite().all()
    gpt = model().eval()
    assert beam_search(gpt, torch.arange(VOCAB)[None], 3, 2, repetition_penalty=penalty).shape == (
        1,
        VOCAB + 3,
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_scores_of_sixteen_bits_are_penalised_as_exactly_as_those_of_more(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    logits, text = (4 * torch.randn(50, 40)).to(dtype), torch.arange(0, 40, 3).expand(50, -1)
    for penalty in (1.01, 1.3, 0.7, 1e-6, 1e6):
        found = penalised(logits, text, penalty)
        assert found.dtype == torch.float32
        assert torch.equal(found, penalised(logits.float(), text, penalty))
        exact = penalised(logits.double(), text, penalty)
        assert exact.dtype == torch.float64
        torch.testing.assert_close(found.double(), exact, rtol=2e-7, atol=0)
        sampling = Sampling(0.0, repetition_penalty=penalty)
        assert torch.equal(sampling.choose(logits, text)[:, 0], exact.argmax(dim=-1))
    for sampling in (Sampling(0.7), Sampling(top_k=5), Sampling(1.3, top_p=0.8)):
        assert torch.equal(sampling.probs(logits), sampling.probs(logits.float()))


PROMPT = torch.zeros(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (PROMPT[:, :0], {}, "prompt is empty"),
        (PROMPT[:0], {}, "prompt is empty"),
        (PROMPT[0], {}, "prompt is empty"),
        (PROMPT, {"n_new": -1}, "n_new"),
        (PROMPT, {"temperature": -0.1}, "temperature must be 0 or positive, not -0.1"),
        (PROMPT, {"temperature": float("nan")}, "temperature"),
        (PROMPT, {"temperature": float("inf")}, "temperature must be finite"),
        (PROMPT, {"top_k": 0}, "top_k must be at least 1, not 0"),
        (PROMPT, {"top_k": float("nan")}, "top_k must be at least 1, not nan"),
        (PROMPT, {"top_p": float("nan")}, "top_p must be above 0"),
        (PROMPT, {"top_p": float("inf")}, "top_p must be above 0"),
        (PROMPT, {"top_p": 0.0}, "top_p must be above 0 and at most 1, not 0.0"),
        (PROMPT, {"top_p": 1.1}, "top_p must be above 0"),
        (PROMPT, {"repetition_penalty": 0.0}, "repetition_penalty must be positive"),
        (PROMPT, {"repetition_penalty": float("nan")}, "repetition_penalty must be positive"),
        (
            PROMPT,
            {"repetition_penalty": float("inf")},
            "repetition_penalty must be finite",
        ),
        (PROMPT, {"mask": torch.tensor([[1, 1, 0], [1, 1, 1]])}, "padding on the left"),
        (PROMPT, {"mask": torch.ones(2, 2)}, "the shape of tokens"),
    ],
)
def test_bad_input_is_refused_in_words(prompt: Tensor, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(model(), prompt, **({"n_new": 3} | options))


def test_bad_beams_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="n_beam must be at least 1, not 0"):
        beam_search(model(), PROMPT, 3, 0)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"repetition_penalty must be (positive|finite)"):
            beam_search(model(), PROMPT, 3, repetition_penalty=wrong)
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="length_penalty must be finite"):
            beam_search(model(), PROMPT, 3, length_penalty=wrong)
    with pytest.raises(ValueError, match="prompt is empty"):
        beam_search(model(), PROMPT[:, :0], 3)
    with pytest.raises(ValueError, match="prompt is empty"):
        beam_search(model(), PROMPT[0], 3)
