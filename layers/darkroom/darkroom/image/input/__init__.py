"""From bytes of any format to lazy pixels."""
