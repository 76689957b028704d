"""Loading and exporting pretrained weights, one model family per file."""
