"""What a device holds, what running out of it looks like, how to go on with less, and the most that was held."""
