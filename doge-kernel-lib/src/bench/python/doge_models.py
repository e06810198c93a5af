"""The Doge models of Hugging Face transformers that the reference benchmarks beside this file time."""

import torch
from transformers import DogeConfig, DogeForCausalLM

SIZES = {  # hidden, intermediate, layers, heads, key/value heads
    "20M": (256, 512, 8, 2, 1),
    "60M": (512, 1024, 16, 4, 2),
    "160M": (768, 1536, 24, 6, 3),
    "320M": (1024, 2048, 32, 8, 4),
}


def make(size, attention):
    """A model with random weights of seed 233, in fp32 on the CPU."""
    hidden, intermediate, layers, heads, groups = SIZES[size]
    config = DogeConfig(
        vocab_size=32768,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        tie_word_embeddings=True,
        max_position_embeddings=2048,
        keep_window_size=2048,
        is_moe=False,
    )
    config._attn_implementation = attention
    torch.manual_seed(233)
    return DogeForCausalLM(config)
