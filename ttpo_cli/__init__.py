"""ttpo: restore photos with any checkpoint, then let preferences guide a diffusion prior towards what people like better."""

__version__ = "0.1.0"
