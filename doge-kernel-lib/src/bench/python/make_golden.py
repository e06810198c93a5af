"""Makes golden cases for `doge golden`: python3 make_golden.py FOLDER

Tiny random Doge models and what Hugging Face transformers (5.17, its eager path, fp32 on the CPU)
computes for them: logits, loss, every gradient, a padded batch with masked labels, greedy output
and twelve steps of AdamW. The cases `biases`, `sliding-window` and `dynamic-ntk` of
src/test/resources/golden were made by this file.
"""

import math
import sys

import torch
from safetensors.torch import save_file
from transformers import DogeConfig, DogeForCausalLM, get_wsd_schedule

VOCABULARY = 160
STEPS = 12
CASES = {
    "biases": dict(attention_bias=True, mlp_bias=True),
    "sliding-window": dict(sliding_window=12, keep_window_size=8),
    "dynamic-ntk": dict(
        length=48,
        max_position_embeddings=32,
        rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=4.0),
    ),
}


def randomize(model):
    """Weights larger than those that training begins with, so that a fault shows."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn_like(p)
            if name.endswith(".A"):
                p.copy_(-0.6 + 0.2 * noise)
            elif "norm" in name or "residual" in name:
                p.copy_(1 + 0.2 * noise)
            elif "embed" in name:
                p.copy_(0.5 * noise)
            elif name.endswith("bias"):
                p.copy_(0.2 * noise)
            else:
                p.copy_(noise / math.sqrt(p.shape[1]))


def padded(model, ids, figures):
    """The second row ends in six padding tokens; the first six labels of each row are masked."""
    mask = torch.ones_like(ids)
    mask[1, -6:] = 0
    inputs = ids.masked_fill(mask == 0, model.config.pad_token_id)
    labels = inputs.masked_fill(mask == 0, -100)
    labels[:, :6] = -100
    with torch.no_grad():
        out = model(input_ids=inputs, attention_mask=mask, labels=labels)
    figures["padded.input_ids"] = inputs
    figures["padded.attention_mask"] = mask
    figures["padded.labels"] = labels
    figures["padded.logits"] = out.logits * mask[:, :, None]
    figures["padded.loss"] = out.loss.reshape(1)


def greedy(model, prompt, figures):
    """Without a cache, so that no cached path can be wrong."""
    ids = prompt
    with torch.no_grad():
        for _ in range(24):
            ids = torch.cat([ids, model(input_ids=ids).logits[:, -1:].argmax(-1)], 1)
    figures["greedy.input_ids"] = prompt
    figures["greedy.output_ids"] = ids


def train(model, length, figures):
    """The first update still holds the gradients that are in the model."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.01
    )
    schedule = get_wsd_schedule(
        optimizer,
        num_warmup_steps=3,
        num_decay_steps=4,
        num_training_steps=STEPS,
        min_lr_ratio=0.0,
        decay_type="linear",
    )
    rows = {"loss": [], "lr": [], "grad_norm": []}
    for step in range(STEPS):
        ids = torch.randint(3, VOCABULARY, (2, length))
        figures[f"train.input_ids.{step}"] = ids
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        rows["grad_norm"].append(
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        )
        rows["lr"].append(optimizer.param_groups[0]["lr"])
        rows["loss"].append(loss.item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    for name, values in rows.items():
        figures["train." + name] = torch.tensor(values, dtype=torch.float64)
    for name, p in model.named_parameters():
        if "norm" in name or name.endswith(".A") or "q_proj.weight" in name:
            figures["trained." + name] = p.detach()


def make(folder, seed, length=24, **options):
    torch.manual_seed(seed)
    shape = dict(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        keep_window_size=64,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    config = DogeConfig(**{**shape, **options})
    config._attn_implementation = "eager"
    model = DogeForCausalLM(config).float().eval()
    randomize(model)
    model.save_pretrained(folder)
    ids = torch.randint(3, VOCABULARY, (2, length))
    figures = {"input_ids": ids}
    padded(model, ids, figures)
    greedy(model, ids[:1, :8].clone(), figures)
    out = model(input_ids=ids, labels=ids)
    out.loss.backward()
    figures["logits"] = out.logits.detach()
    figures["loss"] = out.loss.detach().reshape(1)
    for name, p in model.named_parameters():
        figures["grad." + name] = p.grad.clone()
    train(model, length, figures)
    files = {name: t.contiguous().clone() for name, t in figures.items()}
    save_file(files, folder + "/golden.safetensors")


if __name__ == "__main__":
    for case, options in CASES.items():
        make(f"{sys.argv[1]}/{case}", 21, **options)
