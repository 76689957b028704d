"""Text: tokens, generation, and what is measured on it."""
