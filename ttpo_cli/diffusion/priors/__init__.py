"""Diffusion priors: each one file that maps its network to the denoiser interface."""
