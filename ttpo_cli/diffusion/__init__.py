"""One denoiser interface, schedules, the ODE sampler, its inversion, and TTPO guidance."""
