"""Winners: refitted over seeds, described, and used to predict."""
