"""What fine-tuning methods share: adapters and the training loop. Imported when a trial runs."""
