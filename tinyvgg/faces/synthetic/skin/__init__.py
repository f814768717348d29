"""What is painted on the head: skin and its folds, eyes, mouth."""
