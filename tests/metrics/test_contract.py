"""What every registered metric must do, whatever it is."""

import pytest

from engine.metrics import METRICS
from engine.testing.metrics import checks


@pytest.mark.parametrize("check", [c for name in METRICS for c in checks(name)], ids=str)
def test_contract(check):
    check()
