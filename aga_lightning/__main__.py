"""`python -m aga_lightning <verb> --config <name>.yaml`."""

import os
import sys

from aga_lightning.verbs import answer


def main() -> None:
    """Run the command line."""
    answer(sys.argv[1:])
    # OpenMP's idle threads would otherwise spin, and beside one busy process slow training 25-fold. Read by the
    # OpenMP runtime when torch is loaded, so it has to be set before any import of ours.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from aga_lightning.cli import run

    run()


if __name__ == "__main__":
    main()
