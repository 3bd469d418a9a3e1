"""The commands, one module a theme. What a command needs is imported when it runs."""
