"""Messages about an execution: facts in, texts out."""
