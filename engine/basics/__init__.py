"""What everything uses: errors, files, YAML, addresses, provenance, wording."""
