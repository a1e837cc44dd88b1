"""From a name to a verified state dict: the manifest, safetensors checkpoints, and the embedded weights."""
