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
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("sqlite:///runs/a@b.db?mode=ro", "sqlite:///runs/a@b.db?mode=ro"),
        ("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p/ss@h/db", "postgresql://u:***@h/db"),
        ("s3://KEY:SEC/RET@bucket/x", "s3://KEY:***@bucket/x"),
        ("http://:pw@h", "http://***@h"),
        ("http://h/x?user=ada&password=p&a=1", "http://h/x?user=ada&password=***&a=1"),
        ("https://h/x?X-Amz-Signature=ab%2F&sig=c#top", "https://h/x?X-Amz-Signature=***&sig=***#top"),
        ("s3://b/p?secret_key=S&access_key=K&region=r", "s3://b/p?secret_key=***&access_key=***&region=r"),
        ("a 'http://u:p@h' http://v:q@i", "a 'http://u:***@h' http://v:***@i"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(given: str, shown: str) -> None:
    assert without_password(given) == shown
