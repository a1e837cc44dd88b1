"""Every option of the pipeline, declared once: a dataclass a stage, each field with its default and its help. Imports no torch."""
