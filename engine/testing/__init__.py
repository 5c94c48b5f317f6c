"""Contract suites: what every encoder, probe, method, metric and kind of task owes.

A suite is a list of checks of one thing; each is called without arguments, and raises an
`AssertionError` where the promise is broken. With pytest:

.. code-block:: python

    import pytest
    from engine.testing import probes

    @pytest.mark.parametrize("check", probes.checks("my_probe"), ids=str)
    def test_contract(check):
        check()

``pytest.register_assert_rewrite("engine.testing")`` in a ``conftest.py`` shows the values in a
failed assertion. The suites of this repository run the same checks over all that is registered.
"""

from engine.testing.check import Check

__all__ = ["Check"]
