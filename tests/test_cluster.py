"""Addresses of clusters are tried before any work."""

import socket

import pytest

from engine.cluster import check_address
from engine.errors import UserError


def test_an_address_where_something_listens_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}")
        check_address(f"ray://127.0.0.1:{port}")


def test_an_address_where_nothing_listens_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=r"no Ray cluster answers .*RAY_AUTH_TOKEN") as told:
        check_address(f"127.0.0.1:{port}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", "127.0.0.1:http"])
def test_an_address_of_another_form_is_told(address: str) -> None:
    with pytest.raises(UserError, match="give auto, HOST:PORT or ray://HOST:PORT"):
        check_address(address)


def test_auto_is_left_to_ray() -> None:
    check_address("auto")
