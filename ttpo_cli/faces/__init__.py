"""Faces in photos: found, aligned, compared and put back. Nothing about people is stored: what is measured lives in memory alone."""
