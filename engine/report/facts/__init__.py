"""What is so: read from the files of a run, before a word of it is written."""
