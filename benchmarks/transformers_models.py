"""Compile times and memory of BERT-base and GPT-2 small with random weights, and GPT-2's generation on the simulated GPU.

    python benchmarks/transformers_models.py [bert] [gpt2] [-O3] [--record]

Every compilation runs in a process of its own: cold with an empty cache, warm with the kernels of the one before. BERT-base is an
ONNX file. Peak memory is the process's largest resident set, PyTorch itself (`baseline`) included. Wall-clock and CPU seconds are
both given: on a busy machine the former says little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
TOKENS = 32  # that GPT-2 generates
PROMPT = list(range(100, 112))


def peak_mb() -> float:
    """The largest resident set of this process so far, in 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def export_bert(path: Path) -> None:
    """BERT-base for 128 tokens with random weights, as an ONNX file."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    ids = torch.zeros(1, 128, dtype=torch.int64)
    model = BertModel(BertConfig(), add_pooling_layer=False).eval()
    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["last_hidden_state"]}
    exported = torch.onnx.export(model, (ids, torch.ones_like(ids)), dynamo=True, external_data=False, verbose=False, **names)
    assert exported is not None
    exported.save(str(path))


def compile_file(path: Path, level: int) -> dict[str, Any]:
    """Figures of one compilation in this process."""
    import onnx  # noqa: F401 -- part of the baseline, like torch
    import torch  # noqa: F401

    import amdc

    baseline, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    bundle = amdc.compile(path, opt_level=level)
    found = {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    bundle.save(path.with_suffix(".amdc"))
    return found | {
        "baseline_mb": round(baseline),
        "peak_mb": round(peak_mb()),
        "peak_to_weights": round(peak_mb() * 1e6 / path.stat().st_size, 2),
        "launches": len(bundle.program.launches),
        "kernels": len(bundle.program.kernels),
    }


def generate(level: int) -> dict[str, Any]:
    """GPT-2 small: compile, generate on the simulated GPU, compare with transformers."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    import amdc

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(initializer_range=0.1)).eval()  # 0.1: tokens that vary
    with torch.no_grad():
        whole = model.generate(torch.tensor([PROMPT]), max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)
    started = time.perf_counter()
    bundle = amdc.compile_causal(model, len(PROMPT) + TOKENS, (16,), opt_level=level)
    compiled = time.perf_counter()
    with amdc.load(bundle, "sim") as session:
        opened = time.perf_counter()
        tokens = session.generate(PROMPT, TOKENS)
        ended = time.perf_counter()
    return {
        "compile_s": round(compiled - started, 2),
        "translate_s": round(opened - compiled, 2),
        "generate_s": round(ended - opened, 2),
        "equal_tokens": tokens == whole[0, len(PROMPT) :].tolist(),
        "launches": {key: len(program.launches) for key, program in bundle.programs.items()},
    }


def in_process(*arguments: object) -> dict[str, Any]:
    """Run this file again for one measurement."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))


def measure(name: str, level: int) -> dict[str, Any]:
    """One model's figures, in an empty cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AMDC_CACHE_DIR"] = folder
        if name == "gpt2":
            return {"model": name, "opt_level": level} | in_process("gpt2", level)
        path = Path(folder) / "bert-base.onnx"
        in_process("export", path)
        runs = {state: in_process("compile", path, level) for state in ("cold", "warm")}
        return {"model": name, "opt_level": level, "weights_mb": round(path.stat().st_size / 1e6)} | runs


def child(what: str, *arguments: str) -> dict[str, Any]:
    if what == "export":
        export_bert(Path(arguments[0]))
        return {}
    if what == "compile":
        return compile_file(Path(arguments[0]), int(arguments[1]))
    return generate(int(arguments[0]))


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["bert", "gpt2"])
    parser.add_argument("-O", type=int, default=3, dest="level")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/transformers_models.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - {"bert", "gpt2"}:
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    rows = []
    for name in arguments.models:
        rows.append(measure(name, arguments.level))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.record:
        head = description("python benchmarks/transformers_models.py")
        (RESULTS / "transformers_models.json").write_text(json.dumps(head | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
