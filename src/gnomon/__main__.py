"""`python -m gnomon`."""

from gnomon.cli.main import run

run()
