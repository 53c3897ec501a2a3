"""Whether every upload ended in exactly one outcome."""
