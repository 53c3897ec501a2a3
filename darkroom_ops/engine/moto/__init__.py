"""Where moto differs from AWS."""
