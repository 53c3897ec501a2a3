"""What `make check` asks of the stack beyond the linters. Never shipped to Lambda."""
