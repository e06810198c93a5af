"""Times whole training steps of Hugging Face transformers' Doge, the reference of `doge bench train`.

Run it in the same session, on the same GPU, as the Java benchmark; only such figures compare:

    python3 reference.py --sizes 20M,60M,160M,320M --modes eager,sdpa,eager-compiled,sdpa-compiled

A step is forward, backward, clipping at norm 1 and fused AdamW on random tokens of 2048, with fp32
weights under bf16 autocast, as accelerate's mixed precision trains them. The causal mask is always
passed, because some releases of transformers leave it out under sdpa and attend to the future:
"leak" is how far the last token moved an earlier logit without that mask (0 where it is causal).
One JSON line a row.
"""

import argparse
import json
import time

import torch
from doge_models import make


def causal_mask(batch, length):
    lowest = torch.finfo(torch.bfloat16).min
    mask = torch.full((length, length), lowest, device="cuda", dtype=torch.bfloat16).triu(1)
    return mask.expand(batch, 1, length, length)


@torch.no_grad()
def leak(size, attention):
    model = make(size, attention).cuda()
    ids = torch.randint(0, 32768, (1, 64), device="cuda")
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % 32768
    a = model(input_ids=ids, use_cache=False).logits[0, :-1]
    b = model(input_ids=other, use_cache=False).logits[0, :-1]
    return (a - b).abs().max().item()


def time_steps(size, mode, batch, length, steps):
    attention = mode.split("-")[0]
    model = make(size, attention).cuda()
    run = torch.compile(model) if mode.endswith("compiled") else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)
    ids = torch.randint(0, 32768, (batch, length), device="cuda")
    mask = causal_mask(batch, length)

    def step():
        with torch.autocast("cuda", torch.bfloat16):
            loss = run(input_ids=ids, labels=ids, attention_mask=mask, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    began = time.time()
    for _ in range(3):
        step().item()
    warm = time.time() - began
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    began = time.time()
    for _ in range(steps):
        loss = step()
    loss.item()
    seconds = (time.time() - began) / steps
    return {
        "bench": "reference",
        "size": size,
        "mode": mode,
        "microBatchSize": batch,
        "sequenceLength": length,
        "tokensPerSecond": round(batch * length / seconds),
        "millisecondsPerStep": seconds * 1e3,
        "warmUpSeconds": round(warm, 1),
        "peakMemoryBytes": torch.cuda.max_memory_allocated(),
        "loss": loss.item(),
        "gpu": torch.cuda.get_device_name(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="20M,60M,160M,320M")
    parser.add_argument("--modes", default="eager,sdpa")
    parser.add_argument("--micro-batch", default="8")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--no-leak-check", action="store_true")
    options = parser.parse_args()
    if not options.no_leak_check:
        for attention in ("eager", "sdpa"):
            print(json.dumps({"bench": "leak", "mode": attention, "leak": leak("20M", attention)}))
    for size in options.sizes.split(","):
        for mode in options.modes.split(","):
            for batch in map(int, options.micro_batch.split(",")):
                try:
                    row = time_steps(size, mode, batch, options.length, options.steps)
                except torch.OutOfMemoryError:
                    row = {"bench": "reference", "size": size, "mode": mode,
                           "microBatchSize": batch, "error": "out of memory"}
                print(json.dumps(row), flush=True)
                torch._dynamo.reset()
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
