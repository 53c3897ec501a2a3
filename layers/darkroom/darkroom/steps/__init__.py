"""One step of the state machine each: read, call the image core, write."""
