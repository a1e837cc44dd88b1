"""Evaluation over a dataset: scores of each photo, paired comparisons, and the perception-distortion plane."""
