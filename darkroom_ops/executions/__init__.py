"""What became of executions: their history, their list, and what happens to them now."""
