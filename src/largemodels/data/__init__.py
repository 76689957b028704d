"""Real data that comes with ordinary packages, checked before use. One modality a file."""
