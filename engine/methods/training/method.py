"""An adaptation as a method: fitted, saved and loaded the same way, whatever is made trainable.

Light, as the files that declare methods are: torch is imported when a trial runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, first_line
from engine.basics.files import write_text
from engine.encoders import Encoder, best_device, load_encoder
from engine.kinds import find_kind
from engine.methods.base import Fitted, InfeasibleError, Method, Report, check_encoder
from engine.methods.hyperparameters import Hyperparameter, named
from engine.methods.training.adaptation import Adaptation, Adapted
from engine.methods.training.common import CHECKPOINTING, CONJOINED, TRAINING
from engine.records import TrialSpec
from engine.tasks import cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.methods.training.model import Model
    from engine.methods.training.objective import Objective

ABOUT_FILE, HEAD_FILE, NETWORK_FILE = "model.json", "head.safetensors", "network.safetensors"


def fine_tuning(
    adaptation: Adaptation,
    summary: str,
    own: tuple[Hyperparameter[Any], ...] = (),
    citation: str = "",
) -> Method:
    """Method that trains what an adaptation makes trainable, and a head.

    Parameters
    ----------
    adaptation : Adaptation
    summary, citation : str
        See `engine.methods.base.Method`.
    own : tuple of Hyperparameter
        Beside those of the training loop, which every such method has.
    """
    return Method(
        name=adaptation.name,
        needs="network",
        summary=summary,
        parameters=named(*own, *TRAINING),
        fit=partial(_fit, adaptation),
        load=partial(_load, adaptation),
        adaptation=adaptation,
        citation=citation,
    )


def _fit(
    adaptation: Adaptation, spec: TrialSpec, report: Report, checkpoint: Path | None = None
) -> Fitted:
    """Adapt an encoder to the train split of a task."""
    import torch

    from engine.methods.training.finetune import steps_of, train, training_from
    from engine.methods.training.ladder import Ladder
    from engine.methods.training.model import head_size
    from engine.methods.training.objective import objective_of
    from engine.methods.training.parameters import seeded
    from engine.methods.training.scoring import Scorer

    task, params = cached_task(spec.task), spec.params
    pooling = str(params["pooling"])
    objective = objective_of(task, params)
    training = training_from(params, spec.metric, spec.seed, spec.key)
    try:
        encoder = _encoder(spec)
        declared = adaptation.count(encoder, params)
        declared += head_size(encoder, pooling, objective.outputs)
        # The global generator draws adapters, head and dropout.
        with seeded(spec.seed, encoder.device):
            steps = steps_of(training, len(task.train.sequences))
            adapted = adaptation.attach(encoder, params, steps)
            ladder = Ladder(adapted.encoder)
            if CHECKPOINTING.of(params):
                ladder.checkpoint_gradients()
            model = _model(adapted, pooling, objective.outputs)
            check_count(model, declared)
            truncate, conjoined = spec.encoder.truncate, CONJOINED.of(params)
            scorer = Scorer(model, ladder, objective, truncate, conjoined)
            trained = train(scorer, adapted, task, training, report, checkpoint)
    except torch.OutOfMemoryError as error:
        # Of weights or the optimizer's state: what a batch takes is the ladder's affair.
        raise InfeasibleError(f"out of memory: {first_line(error)}") from None
    if adaptation.peft:
        from engine.methods.training.peft_adapters import merge

        merge(model.network)
    return Fitted(
        validation=trained.validation,
        test=lambda: scorer(task.unseal_test().sequences),
        curve=trained.curve,
        trainable_parameters=declared,
        save=partial(_save, adaptation, adapted, model, objective),
        cost=trained.cost,
    )


def check_count(model: Model, declared: int) -> None:
    """Compare what is trainable with what was declared before.

    Raises
    ------
    RuntimeError
        If they differ.
    """
    from engine.methods.training.parameters import trainable

    found = sum(parameter.numel() for parameter in trainable(model).values())
    if found != declared:
        raise RuntimeError(f"{found:,} parameters are trainable and {declared:,} were declared")


def _encoder(spec: TrialSpec) -> Encoder:
    encoder = load_encoder(
        spec.encoder.card,
        weights=spec.encoder.weights,
        seed=spec.encoder.seed,
        device=best_device(),
    )
    if not isinstance(encoder, Encoder):
        raise InfeasibleError(f"{spec.encoder.name} has no network to adapt")
    return encoder


def _model(adapted: Adapted, pooling: str, outputs: int) -> Model:
    from engine.methods.training.model import Model

    return Model(adapted.encoder, pooling, outputs).to(adapted.encoder.device)


def _save(
    adaptation: Adaptation, adapted: Adapted, model: Model, objective: Objective, folder: Path
) -> None:
    """Write what was trained, and what scores are made of; the encoder's own weights stay out."""
    from engine.methods.training.parameters import save_parameters

    folder.mkdir(parents=True, exist_ok=True)
    if adaptation.peft:
        # Not above: PEFT imports transformers, which takes longer than a small training.
        from engine.methods.training import peft_adapters

        peft_adapters.save(adapted, folder)
    else:
        save_parameters(model.network, folder / NETWORK_FILE)
    save_parameters(model.head_modules(), folder / HEAD_FILE)
    about = {
        "method": adaptation.name,
        "kind": objective.kind.name,
        "outputs": objective.outputs,
        "center": objective.center,
        "scale": objective.scale,
    }
    write_text(folder / ABOUT_FILE, json.dumps(about, indent=1))


def _load(
    adaptation: Adaptation, folder: Path, spec: TrialSpec
) -> Callable[[Sequence[str]], npt.NDArray[np.float64]]:
    """Build the model of a folder.

    Raises
    ------
    UserError
        If the folder holds another method's model, or one of another encoder.
    """
    from engine.methods.training.ladder import Ladder
    from engine.methods.training.objective import Objective
    from engine.methods.training.parameters import load_parameters, seeded
    from engine.methods.training.scoring import Scorer

    about: dict[str, Any] = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    if (saved := about.pop("method")) != adaptation.name:
        raise UserError(f"{folder / ABOUT_FILE}: method '{saved}', not '{adaptation.name}'")
    objective = Objective(find_kind(about.pop("kind")), **about)
    encoder = _encoder(spec)
    check_encoder(encoder.fingerprint, spec, folder)
    # What is drawn here is overwritten with what was saved.
    with seeded(spec.seed, encoder.device):
        if adaptation.peft:
            from engine.methods.training import peft_adapters

            adapted = peft_adapters.load(encoder, folder)
            model = _model(adapted, str(spec.params["pooling"]), objective.outputs)
            peft_adapters.merge(model.network)
        else:
            adapted = adaptation.attach(encoder, spec.params, 1)
            model = _model(adapted, str(spec.params["pooling"]), objective.outputs)
            load_parameters(model.network, folder / NETWORK_FILE)
    load_parameters(model.head_modules(), folder / HEAD_FILE)
    conjoined = CONJOINED.of(spec.params)
    return Scorer(model, Ladder(adapted.encoder), objective, spec.encoder.truncate, conjoined)
