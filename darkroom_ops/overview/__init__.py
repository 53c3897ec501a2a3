"""The whole of a stack at a glance: how much, how well, how long, and what waits for a person."""
