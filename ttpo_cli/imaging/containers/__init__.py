"""How files are built: the segments of JPEG, the chunks of PNG and WebP, the blocks of GIF, the boxes of AVIF and JPEG 2000."""
