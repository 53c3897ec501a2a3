"""The image core: bytes and frozen specs in, bytes out. Knows nothing of AWS."""
