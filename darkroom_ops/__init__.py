"""What never ships to Lambda: the local engine, the `darkroom` command, and what both share."""
