"""All that reaches into moto's inside: hooks, by service, and what is read from its backends."""
