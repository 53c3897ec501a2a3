"""What all share: requests and results, errors, keys and limits. Imports nothing above it."""
