"""``python -m rpsg.cli`` is ``rpsg``."""

import sys

from rpsg.cli import main

if __name__ == "__main__":
    sys.exit(main())
