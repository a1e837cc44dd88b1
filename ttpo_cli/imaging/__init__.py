"""Reading and writing photos, colour, tiles, wavelets: everything between a file and a float32 RGB tensor."""
