"""The stack and its end-to-end tests on another emulator of AWS, MiniStack."""
