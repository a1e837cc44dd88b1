"""Reinforcement learning of a diffusion prior: policies, roll-outs, rewards, objectives, validation, and the training itself."""
