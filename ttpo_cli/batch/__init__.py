"""Many photos at a time: evaluation over a dataset and benchmarks."""
