"""`python -m aga_lightning <verb> --config <name>.yaml`."""

import os
import sys

from aga_lightning.cli.usage import STUDIES, answer
from aga_lightning.stopping import GRACE, stoppable

_ADVICE = {
    "augment": "What is finished is kept, and the same command goes on.",
    "fit": "What is finished is kept: augmentations in the store, and a training that has ended an epoch goes on with "
           "--ckpt_path last.",
    "study": "What is finished is kept, and the same command goes on.",
}  # fmt: skip
"""How to go on after a stop."""


def main() -> None:
    """Run the command line."""
    answer(sys.argv[1:])
    # OpenMP's idle threads would otherwise spin, and beside one busy process slow training 25-fold. Read by the
    # OpenMP runtime when torch is loaded, so it has to be set before any import of ours.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    verb = sys.argv[1]
    with stoppable(_ADVICE.get(verb, ""), grace=2 * GRACE if verb in STUDIES else GRACE):  # a study waits for its jobs
        from aga_lightning.cli.main import run

        run()


if __name__ == "__main__":
    main()
