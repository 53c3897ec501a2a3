"""What `make build` makes, run as Lambda runs it: on Arm, with nothing beside it."""
