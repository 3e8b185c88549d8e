"""``python -m rpsg.cli`` is ``rpsg``."""

import sys

from rpsg.cli import main

sys.exit(main())
