"""What is told to MLflow."""
