"""What make runs: the layer, the schema, the checks."""
