"""The device: its memory, how to go on with less of it, and the time and memory each stage took."""
