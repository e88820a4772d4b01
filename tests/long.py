"""What `make test-long` adds to what every run of the tests does."""

import os

LONG = os.environ.get("GNOMON_LONG", "") == "1"
