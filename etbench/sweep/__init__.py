"""What belongs to many cells at once."""
