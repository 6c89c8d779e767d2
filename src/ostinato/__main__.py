"""`python -m ostinato` is the command `ostinato`; torchrun needs it so."""

import sys

from ostinato.cli import main

if __name__ == "__main__":
    sys.exit(main())
