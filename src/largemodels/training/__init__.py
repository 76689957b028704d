"""Training: the loop, and the optimisers, checkpoints and history that it uses."""
