"""Every option of the pipeline, the outputs and a run, declared once, in a dataclass each, with default and help. Imports no torch."""
