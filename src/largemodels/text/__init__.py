"""Text: tokenizers, generation and evaluation."""
