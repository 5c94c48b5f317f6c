"""Every method: a trial has one score, and a saved model scores as the fitted one."""

from __future__ import annotations

import pytest

from engine.methods import methods
from engine.testing.methods import checks

#: What the fast suite looks at: one method of each sort.
FAST = ("probe", "lora")
CASES = [
    pytest.param(check, id=str(check), marks=[] if name in FAST else [pytest.mark.slow])
    for name in methods()
    for check in checks(name)
]


@pytest.mark.parametrize("check", CASES)
def test_contract(check) -> None:
    check()
