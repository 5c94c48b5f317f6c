"""The model card of an exported model: what it is, how good it is, where it comes from."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from engine.basics.invocation import program
from engine.kinds import find_kind

#: What is done with a sequence that is too long, by ``truncate``.
CUT = {
    "center": "only its centre is read",
    "start": "only its start is read",
    "chunk": "it is read in windows side by side, whose vectors are averaged",
    "error": "it is refused",
}


def model_card(config: Mapping[str, Any]) -> str:
    """Markdown with the front matter that model hubs read.

    Parameters
    ----------
    config : mapping
        What ``config.yaml`` holds.
    """
    return "\n".join(_lines(config)) + "\n"


def _lines(config: Mapping[str, Any]) -> Iterator[str]:
    encoder, source = config["encoder"], config["encoder_source"]
    task, data, kind = config["task"], config["task_source"], find_kind(config["kind"])
    front = {"library_name": "dnasweep", "tags": ["dna", "genomics", kind.name]}
    if source["licence"]:
        front |= {"license": "other", "license_name": source["licence"]}
    yield f"---\n{yaml.safe_dump(front, sort_keys=False)}---"
    yield f"\n# {config['cell']}\n"
    yield (
        f"DNA sequences in, {kind.words.predicts} out: the encoder `{encoder['name']}` adapted"
        f" by `{config['method']}` to `{task['name']}`. The winner of its cell in the study"
        f" `{config['study']}`.\n"
    )
    yield f"```bash\n{program()} predict THIS_FOLDER new.fa --out predictions.csv\n```"
    yield "\n## Scores\n"
    yield f"| {config['metric']} | value |\n|---|---|"
    yield f"| validation, this configuration | {_score(config['validation'])} |"
    yield f"| validation, default configuration | {_score(config['default_validation'])} |"
    low, high = config["test_interval"]
    for seed, value in config["test"].items():
        ours = f" (this model; 95 % interval {_score(low)} to {_score(high)})"
        yield f"| test, seed {seed} | {_score(value)}{ours if seed == config['seed'] else ''} |"
    yield (
        "\nThe configuration was chosen by its validation score; the test split was read once,"
        " afterwards. The interval is about this fitted model and says nothing of another training."
    )
    yield "\n## Intended use\n"
    yield (
        "Research: scoring sequences like those that it was fitted to (below). It was not tested on"
        " other species, lengths or assays, and is no medical device. A sequence longer than the"
        f" encoder takes: {CUT[encoder['truncate']]}. Letters other than IUPAC nucleotides are"
        " refused."
    )
    if not kind.numeric:
        yield f"\n{kind.words.noun.capitalize()}: {', '.join(config['classes'])}."
    yield "\n## Data\n"
    rows = ", ".join(f"{number:,} {name}" for name, number in data["rows"].items())
    longest = config["max_bases"]
    yield f"- Sequences: {rows}; the longest of train and validation has {longest:,} bases"
    for name in ("species", "source", "licence", "citation"):
        if data[name]:
            yield f"- {name.capitalize()}: {data[name]}"
    yield f"- SHA-256 of the file: `{data['file_hash']}`"
    yield from (f"- Warning: {warning}" for warning in data["warnings"])
    yield "\n## Encoder and tokenizer\n"
    yield "Not in this folder: they are loaded from where they came from, and must be the same.\n"
    if encoder["weights"] == "hub":
        where = source["hub"] or source["source"] or "shipped with dnasweep"
    else:
        where = encoder["weights"]
    revision = f" at revision `{source['revision']}`" if source["revision"] else ""
    yield f"- `{encoder['card']}` (family {source['family']}), weights: {where}{revision}"
    yield f"- Tokens: {source['tokens']}"
    for name in ("trained_on", "licence", "citation"):
        if source[name]:
            yield f"- {name.replace('_', ' ').capitalize()}: {source[name]}"
    yield f"- Fingerprint: `{config['encoder_fingerprint']}`"
    yield "\n## How it was made\n"
    yield "| hyperparameter | value |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in config["params"].items())
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    yield (
        f"\nTrial {config['trial']} of its search, fitted with seed {config['seed']}:"
        f" {config['trainable_parameters']:,} trained parameters."
        f" {config['created']}, commit {config['git_commit'] or 'unknown'}; {versions}."
        " Files and their SHA-256 are listed in `config.yaml`."
    )


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
