"""Probe a real server that we did not write: `transformers serve` with a tiny, randomly initialised model on the CPU.

    python -m venv /tmp/real && /tmp/real/bin/pip install torch "transformers[serving]"
    python benchmarks/probe_real_server.py --python /tmp/real/bin/python

The other interpreter makes the model and its tokenizer on the spot (nothing is downloaded) and serves them on
loopback; `advisor probe` measures it with both endpoints, a closed and an open loop. The figures mean nothing but that
the probe and a real server understand each other: streams, usage, refused fields, lengths, Ctrl-C-clean connections.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MAKE_MODEL = """
import sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
folder, text = sys.argv[1], open(sys.argv[2]).read()
raw = Tokenizer(models.BPE())
raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
raw.train_from_iterator([text], trainers.BpeTrainer(
    vocab_size=1024, special_tokens=["<s>", "</s>", "<pad>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
tokenizer.chat_template = (
    "{% for m in messages %}<s>{{ m['role'] }} {{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant {% endif %}")
tokenizer.save_pretrained(folder)
torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, pad_token_id=2,
)).save_pretrained(folder)
"""


def serve(python: Path, folder: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Make the model, start the server, wait until it answers."""
    cache = folder.parent / "cache"
    (cache / "hub").mkdir(parents=True)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "TOKENIZERS_PARALLELISM": "false"}
    words = ROOT / "advisor" / "probe" / "prompts.py"
    subprocess.run(
        [python, "-c", MAKE_MODEL, str(folder), str(words)], check=True, env=environment, capture_output=True
    )
    command = [str(python.parent / "transformers"), "serve", str(folder), "--device", "cpu", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        try:
            with opener.open(f"http://127.0.0.1:{port}/health", timeout=2):
                return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
    process.kill()
    raise SystemExit(f"the server did not come up: {log.read_text()[-1000:]}")


def probe(url: str, model: str, *more: str) -> dict[str, Any]:
    """One run of `advisor probe`, its JSON."""
    command = [sys.executable, "-m", "advisor", "probe", url, "--model", model, "--yes", "--no-store", "--quiet"]
    command += ["--isl", "60", "--osl", "24", "--max-tokens", "40000", "--max-seconds", "90", "--format", "json", *more]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"advisor probe ended with {done.returncode}: {done.stderr}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def show(step: dict[str, Any]) -> None:
    """One step, and what was flagged."""
    ttft_ms, tpot_ms = (1e3 * (step[name]["p50"] or 0) for name in ("ttft", "tpot"))
    late_ms = 1e3 * (step["lag"]["arrival_p99_s"] or 0)
    print(
        f"  {step['load']} {step['concurrency']:.1f}: {step['succeeded']}/{step['requests']} ok, TTFT p50"
        f" {ttft_ms:.1f} ms, TPOT p50 {tpot_ms:.2f} ms, {step['output_tps']:.1f} tok/s,"
        f" tokens by {step['token_source']}, read {late_ms:.2f} ms late (p99)"
    )
    for flag in step["flags"]:
        print(f"    {flag}")


def main() -> int:
    """Probe and print; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="interpreter with torch and transformers[serving]")
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    problems = []
    with tempfile.TemporaryDirectory(prefix="real") as name:
        folder = Path(name) / "tiny"
        folder.mkdir()
        process = serve(arguments.python.absolute(), folder, port, Path(name) / "log")
        try:
            url = f"http://127.0.0.1:{port}"
            for title, more in (
                ("chat, closed loop", ["--concurrency", "1,4", "--requests", "12"]),
                ("completions, closed loop", ["--api", "completions", "--concurrency", "2", "--requests", "12"]),
                ("chat, Poisson", ["--load", "poisson", "--rate", "1.5", "--requests", "12"]),
            ):
                run = probe(url, str(folder), *more)
                print(f"{title}: {run['outcome']}, {run['spent_tokens']} tokens in {run['spent_s']:.0f} s")
                for flag in run["flags"]:
                    print(f"  {flag}")
                for step in run["steps"]:
                    show(step)
                    if step["succeeded"] != step["requests"] or not step["succeeded"]:
                        problems.append(f"{title}: {step['errors']}")
                if run["outcome"] != "complete":
                    problems.append(f"{title}: {run['outcome']}")
        finally:
            process.terminate()
            process.wait(20)
    print("problems: " + "; ".join(problems) if problems else "a real server is understood")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
