"""A fitted model that is saved and loaded scores as before, and PEFT reads the adapters."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.methods import methods
from engine.records import TrialSpec
from engine.tasks import cached_task
from engine.trial import ignore, run_trial
from tests.methods.support import VARIANTS, columns

Spec = Callable[..., TrialSpec]
PARAMS = {"pooling": "attention", "epochs": 1, "batch_size": 32, "rank": 4, "learning_rate": 1e-2}
PEFT = ("adalora", "dora", "ia3", "lora", "vera", *VARIANTS)


def spec_for(column: str, spec_of: Spec) -> TrialSpec:
    method, options = VARIANTS.get(column, (column, {}))
    return spec_of(method, {**PARAMS, **options})


def some_fast(given: Sequence[str], fast: tuple[str, ...]) -> list:
    """Columns to parametrize by; the others are slow."""
    return [c if c in fast else pytest.param(c, marks=pytest.mark.slow) for c in given]


@pytest.mark.parametrize("column", some_fast(columns(), ("lora", "bitfit", "pasta")))
def test_a_loaded_model_gives_the_same_scores(column: str, spec_of: Spec, tmp_path: Path) -> None:
    spec = spec_for(column, spec_of)
    method = methods()[spec.method]
    fitted = method.fit(spec, ignore, None)
    assert fitted.save is not None
    assert method.load is not None
    fitted.save(tmp_path / "model")
    state = torch.get_rng_state()
    score = method.load(tmp_path / "model", spec)
    assert torch.equal(torch.get_rng_state(), state), "what is drawn while loading is nobody's"
    expected = fitted.test()
    scores = score(cached_task(spec.task).unseal_test().sequences)
    # PiSSA's weights are split another way, and so rounded.
    np.testing.assert_allclose(scores, expected, atol=1e-5 if "pissa" in column else 0, rtol=0)
    validation = score(cached_task(spec.task).validation.sequences)
    np.testing.assert_allclose(validation, fitted.validation, atol=1e-5)
    assert not list((tmp_path / "model").glob(".*")), "no temporary file is left"
    assert not [file for file in (tmp_path / "model").iterdir() if file.suffix in (".pt", ".bin")]


@pytest.mark.parametrize("column", some_fast(PEFT, ("lora, pissa",)))
def test_peft_reads_the_adapters(column: str, spec_of: Spec, tmp_path: Path) -> None:
    """Its own loader, on a network that was never adapted, gives the same hidden states."""
    spec = spec_for(column, spec_of)
    method = methods()[spec.method]
    fitted = method.fit(spec, ignore, None)
    assert fitted.save is not None
    assert method.load is not None
    fitted.save(tmp_path)
    ours = method.load(tmp_path, spec).model.network  # type: ignore[attr-defined]
    encoder = load_encoder(spec.encoder.card, weights="random")
    tokens = encoder.tokenize(["ACGTTGCAAGCTTGCATGCCT", "TTGACATATAATGG"])
    given = tokens.input_ids, tokens.attention_mask
    with torch.no_grad():
        plain = encoder(*given)
        theirs = PeftModel.from_pretrained(encoder.network, str(tmp_path)).base_model.model
        assert any(isinstance(module, BaseTunerLayer) for module in theirs.modules())
        expected = theirs(*given)
        torch.testing.assert_close(ours(*given), expected, atol=1e-4, rtol=1e-4)
    assert (expected - plain).abs().max() > 1e-3


def test_another_methods_model_is_refused(spec_of: Spec, tmp_path: Path) -> None:
    spec = spec_of("bitfit", PARAMS)
    fitted = methods()["bitfit"].fit(spec, ignore, None)
    assert fitted.save is not None
    fitted.save(tmp_path)
    load = methods()["full"].load
    assert load is not None
    with pytest.raises(UserError, match="method 'bitfit', not 'full'"):
        load(tmp_path, spec)


@pytest.mark.parametrize("method", ["lora", "bitfit"])
def test_weights_of_another_encoder_are_refused_in_one_line(
    method: str, spec_of: Spec, tmp_path: Path
) -> None:
    fitted = methods()[method].fit(spec_of(method, PARAMS), ignore, None)
    assert fitted.save is not None
    fitted.save(tmp_path)
    load = methods()[method].load
    assert load is not None
    with pytest.raises(UserError, match=r"load (it|them) with the encoder") as caught:
        load(tmp_path, spec_of(method, PARAMS, "tiny-hyena"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["lora", "bitfit"])
def test_other_weights_of_the_same_encoder_are_refused(
    method: str, spec_of: Spec, tmp_path: Path
) -> None:
    """They fit, and would give other scores."""
    spec = spec_of(method, PARAMS | {"epochs": 1})
    fitted = methods()[method].fit(spec, ignore, None)
    assert fitted.save is not None
    fitted.save(tmp_path)
    load = methods()[method].load
    assert load is not None
    other = replace(spec, encoder=replace(spec.encoder, seed=1))
    with pytest.raises(UserError, match="was fitted on other weights of tiny-bert than are here"):
        load(tmp_path, other)


def test_the_projections_of_vera_follow_the_seed_and_are_saved_with_it(
    spec_of: Spec, tmp_path: Path
) -> None:
    spec = replace(spec_of("vera", PARAMS), seed=7)
    fitted = methods()["vera"].fit(spec, ignore, None)
    assert fitted.save is not None
    fitted.save(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["projection_prng_key"] == 7
    load = methods()["vera"].load
    assert load is not None
    score = load(tmp_path, spec)
    assert np.array_equal(score(cached_task(spec.task).unseal_test().sequences), fitted.test())


def test_adalora_needs_steps_to_share_out_ranks_over(spec_of: Spec) -> None:
    result = run_trial(spec_of("adalora", PARAMS | {"epochs": 1, "batch_size": 500}))
    assert result.status == "infeasible"
    assert result.error is not None
    assert "1 is too few; give more epochs or a smaller batch_size" in result.error
