"""The auto-encoder, its sparse codes, and their exact bytes."""
