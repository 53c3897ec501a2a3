"""What an engine keeps in a folder from one start to the next."""
