"""Times greedy decoding of Hugging Face transformers' Doge, the reference of `doge bench generate`.

Run it in the same session, on the same machine, as the Java benchmark; only such figures compare:

    python3 generate_reference.py --device gpu --sizes 20M,60M,160M,320M --batch 1,64

Random weights, prompts of 32 tokens, 128 new tokens, eager attention (under sdpa some releases
attend to the future), KV cache, bf16 on a GPU and fp32 on the CPU. New tokens per second do not
count the prompt: generate(1 token) is timed too and taken off. One JSON line a row.
"""

import argparse
import json
import time

import torch
from doge_models import make


def seconds(model, ids, new_tokens, device):
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        do_sample=False,
        pad_token_id=2,
    )
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--sizes", default="20M,60M,160M,320M")
    parser.add_argument("--batch", default="")
    parser.add_argument("--prompt-length", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = "cuda" if options.device == "gpu" else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    batches = options.batch or ("1,64" if device == "cuda" else "1")
    for size in options.sizes.split(","):
        model = make(size, "eager").to(device=device, dtype=dtype).eval()
        for batch in map(int, batches.split(",")):
            ids = torch.randint(0, 32768, (batch, options.prompt_length), device=device)
            seconds(model, ids, 8, device)
            best = min(
                seconds(model, ids, options.new_tokens, device) - seconds(model, ids, 1, device)
                for _ in range(options.repeats)
            )
            steps = options.new_tokens - 1
            row = {
                "bench": "generate-reference",
                "size": size,
                "device": options.device,
                "precision": str(dtype),
                "threads": torch.get_num_threads(),
                "batch": batch,
                "promptLength": options.prompt_length,
                "newTokens": options.new_tokens,
                "tokensPerSecond": steps * batch / best,
                "millisecondsPerStep": 1e3 * best / steps,
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
