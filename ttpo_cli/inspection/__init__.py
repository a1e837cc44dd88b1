"""What ails a photo: JPEG compression, noise, lost resolution, clipped tones; a photo or a drawing."""
