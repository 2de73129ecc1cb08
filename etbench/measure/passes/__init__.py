"""What a fresh process does: check, time, load, and count memory, energy or operators. Imports torch."""
