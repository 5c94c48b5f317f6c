"""Networks written here, in plain torch."""
