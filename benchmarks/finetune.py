"""Fine-tuning with LoRA: this loop against the Trainer of Hugging Face with PEFT.

    python benchmarks/finetune.py [--quick] [--rows N] [--repeats N]

The same network, weights, rows, rank, batch size, number of steps, optimizer and clipping;
sequences of 41 to 1,000 bases, as long as those of real tasks, in random order. Baseline:
`transformers.Trainer` as it comes on a `peft.get_peft_model` network, each batch padded to its
longest row, tokenized before the clock starts, bfloat16 on a GPU. Ours:
`engine.methods.training.finetune.train`, whose batches are of like length; tokenizing is counted.
Networks that pack (NT, DNABERT-2) do so in both, so that padding costs the baseline little there.

Each way runs in a process of its own, so that its peak memory is its own; they take turns, and the
best of the repeats counts. Prints one JSON object per measurement and, last, `ratio NAME VALUE`:
examples a second of ours / of the baseline, the same by processor time, and peak memory of the
baseline / of ours. On a GPU also the share of the measured peak of a matrix product.
"""

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import warnings
from dataclasses import replace

import numpy as np
import torch
from encoders import peak, seconds
from torch.nn.utils.rnn import pad_sequence
from torch.utils.flop_counter import FlopCounterMode

from engine.encoders import TokenBatch, load_encoder
from engine.encoders.registry import best_device
from engine.kinds.classification import KIND as CLASSES
from engine.methods.lora import attach
from engine.methods.training.finetune import Training, batch_gradient, train
from engine.methods.training.inputs import Inputs, epoch_batches
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model, has_bfloat16
from engine.methods.training.objective import Objective
from engine.methods.training.scoring import Scorer
from engine.tasks import load_task

LENGTHS = (41, 70, 81, 101, 200, 251, 300, 398, 500, 600, 1000)
RANK, BATCH, RATE, DECAY = 8, 32, 1e-3, 0.01
WAYS = ("trainer", "ours")


def random_rows(count, seed=0):
    """Sequences of random bases, as long as those of real tasks, and labels by a coin."""
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice([*"ACGT"], n)) for n in rng.choice(LENGTHS, count)]
    return sequences, rng.integers(2, size=count)


def task_of(sequences, labels):
    """A task with these rows to train on, and next to none to validate."""
    shipped = load_task("promoters_ecoli")
    rows = replace(shipped.train, sequences=tuple(sequences), labels=labels)
    few = replace(rows, sequences=("ACGTACGTACGT", "TTTTGGGGCCCC"), labels=np.array([0, 1]))
    return replace(shipped, train=rows, validation=few)


def our_way(name):
    """What trains rows in this repository's loop; and the model, to count its arithmetic."""
    encoder = load_encoder(name, weights="random", device=best_device())
    adapted = attach(encoder, {"rank": RANK, "alpha": 16.0}, 1)
    model = Model(encoder, "mean", 2).to(encoder.device)
    scorer = Scorer(model, Ladder(encoder), Objective(CLASSES, 2), "center")
    training = Training(1, BATCH, RATE, RATE, DECAY, "accuracy", 0)

    def run(sequences, labels):
        train(scorer, adapted, task_of(sequences, labels), training, lambda *_: None)

    def flop(sequences, labels):
        """Arithmetic of an epoch, from some of its batches."""
        given = Inputs.of(encoder, sequences, "center")
        targets = torch.from_numpy(labels)
        batches = epoch_batches(given.tokens, BATCH, 1, 0, 0)
        counted = batches[:16]
        model.train()
        with FlopCounterMode(display=False) as counter:
            for rows in counted:
                batch_gradient(scorer, given, targets, rows, adapted)
        return counter.get_total_flops() * len(batches) / len(counted)

    return run, flop


class Wrapped(torch.nn.Module):
    """The same model as the Trainer calls one."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, special_tokens_mask, labels):
        """Loss and logits of a batch."""
        logits = self.model(TokenBatch(input_ids, attention_mask, special_tokens_mask), None)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def trainers_way(name, folder):
    """What makes a Trainer of Hugging Face ready for rows, and hands back what trains them."""
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    encoder = load_encoder(name, weights="random", device=best_device())
    config = LoraConfig(r=RANK, lora_alpha=16.0, target_modules=list(encoder.adapter_targets))
    network = get_peft_model(encoder.network, config).base_model.model
    model = Model(replace(encoder, network=network), "mean", 2).to(encoder.device)
    model.mixed_precision = False  # the Trainer sees to it
    wrapped = Wrapped(model)

    def collate(rows):
        padded = {
            key: pad_sequence([row[key] for row in rows], True, value)
            for key, value in zip(TokenBatch._fields, (0, 0, 1), strict=True)
        }
        return padded | {"labels": torch.tensor([row["labels"] for row in rows])}

    def rows_of(sequences, labels):
        rows = []
        for sequence, label in zip(sequences, labels, strict=True):
            tokens = encoder.tokenize([sequence])
            rows.append({k: v[0] for k, v in tokens._asdict().items()} | {"labels": int(label)})
        return rows

    def prepare(sequences, labels):
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            weight_decay=DECAY,
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            adam_beta2=0.98,
            max_grad_norm=1.0,
            bf16=has_bfloat16(encoder.device),
            use_cpu=encoder.device.type == "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
            remove_unused_columns=False,
            seed=0,
        )
        rows = rows_of(sequences, labels)
        return Trainer(wrapped, arguments, train_dataset=rows, data_collator=collate).train

    return prepare


def measure(name, way, count):
    """Time of one way, after a few rows to warm up; one JSON object."""
    device = torch.device(best_device())
    few, rows = random_rows(2 * BATCH, seed=1), random_rows(count)
    with tempfile.TemporaryDirectory() as folder:
        if way == "ours":
            run, flop = our_way(name)
            run(*few)
            wall, processor = seconds(device, lambda: run(*rows))
        else:
            prepare = trainers_way(name, folder)
            prepare(*few)()
            wall, processor = seconds(device, prepare(*rows))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated()
    found = {
        "name": way,
        "encoder": name,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "rows": count,
        "seconds": round(wall, 2),
        "cpu_seconds": round(processor, 2),
        "examples_per_second": round(count / wall, 2),
        "peak_memory_mb": round(memory / 1e6),
    }
    if way == "ours" and device.type == "cuda":
        reached = flop(*rows) / wall
        found["share_of_peak"] = round(reached / peak(device, torch.bfloat16), 3)
    print(json.dumps(found), flush=True)


def compare(name, count, repeats):
    """Both ways in turn, each in a process of its own; the ratios."""
    best = {}
    for _ in range(repeats):
        for way in WAYS:
            command = [sys.executable, __file__, "--one", name, way, str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            print(json.dumps(found), flush=True)
            kept = best.setdefault(way, dict(found))
            for key in ("seconds", "cpu_seconds", "peak_memory_mb"):
                kept[key] = min(kept[key], found[key])
    slow, fast = (best[way] for way in WAYS)
    return {
        f"finetune_{name}": slow["seconds"] / fast["seconds"],
        f"finetune_{name}_cpu_time": slow["cpu_seconds"] / fast["cpu_seconds"],
        f"finetune_{name}_memory": slow["peak_memory_mb"] / fast["peak_memory_mb"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    parser.add_argument("--rows", type=int, help="512, 128 if quick; 8,192 on a GPU")
    parser.add_argument("--repeats", type=int, help="3, 1 if quick")
    parser.add_argument(
        "--one", nargs=3, metavar=("ENCODER", "WAY", "ROWS"), help="one measurement"
    )
    options = parser.parse_args()
    if options.one:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        name, way, count = options.one
        measure(name, way, int(count))
        return
    gpu = best_device() == "cuda"
    names = ("tiny-bert",) if options.quick else ("tiny-bert", "tiny-hyena")
    if gpu:
        names = ("nt-v2-50m", "dnabert2")
    rows = options.rows or (8192 if gpu else 128 if options.quick else 512)
    ratios = {}
    for name in names:
        ratios |= compare(name, rows, options.repeats or (1 if options.quick else 3))
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.2f}")


if __name__ == "__main__":
    main()
