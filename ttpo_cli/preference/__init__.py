"""Candidates, their selection, the reward that guides, and the fidelity guard."""
