"""lq -> restored: our networks, and every architecture spandrel knows, behind one small type."""
