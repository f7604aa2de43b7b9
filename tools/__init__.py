"""What dev.py stands on; like it, with nothing but the standard library."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - pip would refuse it, and not say why
    sys.exit(
        f"dev.py: this is Python {sys.version_info[0]}.{sys.version_info[1]}, and 3.10 or newer "
        "is needed. If there is one, name it:\n    python3.12 dev.py demo"
    )
