"""The commands, one module each; a module imports what it runs only when it runs."""
