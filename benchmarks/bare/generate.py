"""Print the tokens per second of transformers' own generate() with SmolLM2 on one thread.

Usage: python -m benchmarks.bare.generate FOLDER TOKENS ROUNDS TEXT
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(folder: Path, tokens: int, rounds: int, text: str) -> None:
    torch.set_num_threads(1)
    (model,) = (path for path in folder.glob("smollm2-*") if path.is_dir())
    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    best = 0.0
    for _ in range(rounds):
        started = time.process_time()
        output = network.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        best = max(best, (output.shape[1] - inputs["input_ids"].shape[1]) / (time.process_time() - started))
    print(best)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
