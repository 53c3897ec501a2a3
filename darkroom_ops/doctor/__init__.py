"""Whether a deployed stack works, and what mends it."""
