"""How facts are shown to people, in the terminal and in the console."""
