"""`python -m stillwatch`."""

from stillwatch.cli import main

main()
