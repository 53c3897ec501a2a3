"""The console: executions, pictures and messages in a browser, served on this machine only."""
