"""Our Whisper and its spectrograms against those of transformers."""

from __future__ import annotations

import pytest
import torch
from transformers import WhisperConfig as TheirConfig
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from largemodels.models.mel import mel_filters, whisper_features
from largemodels.models.whisper import Whisper, WhisperConfig
from largemodels.text.generation import generate

OURS = {  # parts of a block
    "attention.norm": "self_attn_layer_norm",
    "attention.layer.project": "self_attn.out_proj",
    "cross_attention.norm": "encoder_attn_layer_norm",
    "cross_attention.layer.query": "encoder_attn.q_proj",
    "cross_attention.layer.project": "encoder_attn.out_proj",
    "mlp.norm": "final_layer_norm",
    "mlp.layer.expand": "fc1",
    "mlp.layer.contract": "fc2",
}


@pytest.fixture
def pair() -> tuple[Whisper, WhisperForConditionalGeneration]:
    torch.manual_seed(0)
    theirs = WhisperForConditionalGeneration(
        TheirConfig(
            vocab_size=53, num_mel_bins=7, encoder_layers=2, decoder_layers=3, encoder_attention_heads=3,
            decoder_attention_heads=3, d_model=12, encoder_ffn_dim=17, decoder_ffn_dim=17, max_source_positions=11,
            max_target_positions=13, pad_token_id=0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=1,
        )
    ).double().eval()  # fmt: skip
    for name, it in theirs.named_parameters():
        if "encoder.embed_positions" not in name:
            torch.nn.init.normal_(it, std=0.3)
    ours = Whisper(
        WhisperConfig(53, 7, 22, 13, n_layer=2, n_decoder_layer=3, n_head=3, d_model=12, d_hidden=17)
    )
    state = {f"model.{name}": it for name, it in theirs.model.state_dict().items()}
    found = {
        "embedding.weight": state["model.decoder.embed_tokens.weight"],
        "target_position.weight": state["model.decoder.embed_positions.weight"],
    }
    for side, n in (("encoder", 2), ("decoder", 3)):
        for it in ("weight", "bias"):
            found[f"{side}_norm.{it}"] = state[f"model.{side}.layer_norm.{it}"]
            for conv in ("conv1", "conv2"):
                found[f"{conv}.{it}"] = state[f"model.encoder.{conv}.{it}"]
            for block in range(n):
                there = f"model.{side}.layers.{block}."
                for our, their in OURS.items():
                    if f"{there}{their}.{it}" in state:
                        found[f"{side}.{block}.{our}.{it}"] = state[f"{there}{their}.{it}"]
                joined = {"attention.layer.qkv": ("self_attn", "qkv")}
                if side == "decoder":
                    joined["cross_attention.layer.key_value"] = ("encoder_attn", "kv")
                for our, (their, which) in joined.items():
                    zero = torch.zeros(12, dtype=torch.double)  # the keys have no bias
                    parts = [state.get(f"{there}{their}.{part}_proj.{it}", zero) for part in which]
                    found[f"{side}.{block}.{our}.{it}"] = torch.cat(parts)
    ours.double().load_state_dict(found)
    return ours.eval(), theirs


@torch.no_grad()
def test_logits(pair: tuple[Whisper, WhisperForConditionalGeneration]) -> None:
    ours, theirs = pair
    source, target = torch.randn(3, 7, 22, dtype=torch.double), torch.randint(53, (3, 5))
    wanted = theirs(input_features=source, decoder_input_ids=target).logits
    # Our fixed positions are computed in double precision and kept in single, as theirs.
    torch.testing.assert_close(ours(source, target), wanted, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_step_by_step_equals_all_at_once(pair: tuple[Whisper, WhisperForConditionalGeneration]) -> None:
    ours, _ = pair
    source, start = torch.randn(2, 7, 22, dtype=torch.double), torch.tensor([[3, 4], [3, 4]])
    said = generate(ours.decoder_for(source), start, 6, temperature=0)
    wanted = ours(source, said[:, :-1]).argmax(dim=-1)[:, 1:]
    assert torch.equal(said[:, 2:], wanted)


def test_spectrogram() -> None:
    torch.manual_seed(0)
    sounds = [0.3 * torch.randn(n) for n in (1601, 16_000 * 31)]
    extract = WhisperFeatureExtractor()
    for it in sounds:
        wanted = extract(it.numpy(), sampling_rate=16_000, return_tensors="pt").input_features[0]
        torch.testing.assert_close(whisper_features(it), wanted, rtol=1e-3, atol=1e-3)
    filters = torch.tensor(extract.mel_filters, dtype=torch.float32)
    torch.testing.assert_close(mel_filters(16_000, 400, 80), filters, rtol=1e-4, atol=1e-6)
