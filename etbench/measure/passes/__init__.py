"""What a fresh process does: check, time, load, and measure memory, energy or operators. Imports torch."""
