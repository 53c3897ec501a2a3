"""What people are told: facts in, texts out."""
