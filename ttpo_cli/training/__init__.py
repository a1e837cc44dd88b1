"""Data, degradation, and one file a training method."""
