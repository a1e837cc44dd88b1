"""How a good photo becomes a low-quality one: bicubic, real-world, and the single distortions a ranker learns from."""
