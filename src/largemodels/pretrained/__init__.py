"""Trained weights in and out, one family a file."""
