"""Real data that comes with ordinary packages, verified before use. One modality per file."""
