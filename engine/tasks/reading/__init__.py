"""Files as people have them, read into tasks and checked."""
