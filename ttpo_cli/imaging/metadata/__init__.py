"""What a file carries besides pixels: found in each format, made true for the picture that is written, put into its file."""
