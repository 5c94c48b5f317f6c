"""Addresses as people and files may see them."""

import re


def without_password(url: str) -> str:
    """Hide the password (and what stands alone before the @) of an address, if it has one."""
    return re.sub(r"//(?:([^/@:]*):)?[^/@]*@", r"//\1:***@", url).replace("//:***@", "//***@")
