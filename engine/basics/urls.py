"""Addresses as people and files may see them."""

import re

#: User and password before the last ``@``, which a password may hold, as it may hold ``/``; or a
#: lone word before an ``@``, which is a token.
USER_INFO = re.compile(r"//(?:([^/@:\s?#'\"]*):[^\s?#'\"]*|[^/@:\s?#'\"]+)@")
#: Values of a query that open a door.
QUERY = re.compile(
    r"([?&;][\w.-]*(?:password|passwd|token|secret|key|sig|signature)=)[^&;#\s'\"]*",
    re.IGNORECASE,
)


def without_password(text: str) -> str:
    """Hide passwords, tokens and keys in the addresses of a text.

    Of ``//user:password@`` the user stays. Where a path holds an ``@`` behind a port, more is
    hidden than need be.
    """
    text = USER_INFO.sub(lambda m: f"//{m[1]}:***@" if m[1] else "//***@", text)
    return QUERY.sub(r"\1***", text)
