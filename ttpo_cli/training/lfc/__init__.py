"""LFC-SR: data, networks' losses, PD-ADMM, validation, and the training itself."""
