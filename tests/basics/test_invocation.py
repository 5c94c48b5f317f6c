"""A command is told as it was typed, but for what opens a door."""

from engine.basics.invocation import as_typed

SECRET = "s3cr3t"


def test_no_argument_shows_a_password_a_token_or_a_key():
    argv = [
        "run_search.py",
        "studies/mine.yaml",
        "--set",
        f"search.storage=postgresql://ada:{SECRET}@h/db",
        "--set",
        f"tracking.uri=https://{SECRET}@mlflow.example.com/?token={SECRET}",
        f"--set=store=s3://KEY:a/{SECRET}@bucket/x?secret_key={SECRET}&region=r",
    ]
    told = as_typed(argv)
    assert SECRET not in told
    for part in ("python run_search.py studies/mine.yaml", "//ada:***@h/db", "region=r", "KEY:***"):
        assert part in told


def test_the_installed_command_is_called_by_its_name():
    assert as_typed(["/venv/bin/dnasweep", "-e", "kmer"]) == "dnasweep -e kmer"
    assert as_typed(["run_search.py", "my study.yaml"]) == "python run_search.py 'my study.yaml'"
