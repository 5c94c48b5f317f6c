import pytest

from engine.basics.urls import without_password


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://ada:secret@host:5432/optuna", "postgresql://ada:***@host:5432/optuna"),
        ("https://token@mlflow.example.com/x", "https://***@mlflow.example.com/x"),
        ("http://mlflow.example.com:5000", "http://mlflow.example.com:5000"),
        ("s3://bucket/a?endpoint_override=http%3A%2F%2Fh", "s3://bucket/a?endpoint_override=http%3A%2F%2Fh"),
        ("sqlite:///runs/mlflow.db", "sqlite:///runs/mlflow.db"),
        ("/a/folder@home", "/a/folder@home"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(given: str, shown: str) -> None:
    assert without_password(given) == shown
