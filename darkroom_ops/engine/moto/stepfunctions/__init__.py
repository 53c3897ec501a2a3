"""The hooks into moto's interpreter of the Amazon States Language, and into its API."""
