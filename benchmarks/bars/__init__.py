"""The bars of detection, each measured on worlds of the range."""
