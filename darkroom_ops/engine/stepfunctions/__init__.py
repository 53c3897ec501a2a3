"""What the state machine needs beyond moto."""
