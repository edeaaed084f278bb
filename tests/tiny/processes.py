"""Scripts in processes of their own, forked from one that has imported what takes seconds, and nothing else."""

import gc
import multiprocessing
import os
import runpy
import sys
from multiprocessing.connection import wait

import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.utilities import rank_zero_only

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["aga_lightning.cli.main"])


class Job:
    """A script that has been started in a folder, once or as the ranks of one run, on one thread and without a GPU.

    Args:
        script: The text.
        folder: The working directory; a log is written there, and the script, whose name is in tracebacks.
        ranks: How many processes; if several, each knows its rank as a launcher would tell it.
        name: What script and log are called.
    """

    def __init__(self, script, folder, ranks=1, name="job"):
        path = folder / f"{name}.py"
        path.write_text(script)
        told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port()), "WORLD_SIZE": str(ranks)}
        variables = [told | {"NODE_RANK": "0", "LOCAL_RANK": str(rank)} if ranks > 1 else {} for rank in range(ranks)]
        self.log = folder / f"{name}.log"
        self.processes = [_FORKING.Process(target=_run, args=(path, self.log, told)) for told in variables]
        for process in self.processes:
            process.start()

    def end(self, fails=False):
        """Wait for it; when one process fails, the others have five seconds to notice, as launchers give them.

        Args:
            fails: Whether it should.
        """
        running = {process.sentinel: process for process in self.processes}
        patience = 240
        while running and (ended := wait(running, patience)):
            for process in map(running.pop, ended):
                process.join()
                patience = 5 if process.exitcode else patience
        self.kill()
        codes = [process.exitcode for process in self.processes]
        assert any(codes) == fails, f"{codes}: {self.log.read_text()}"

    def kill(self):
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.join()


def _run(script, log, variables):
    """Be what `python script` would be in that folder, with these variables of the environment."""
    gc.freeze()  # as in conftest.py
    os.chdir(script.parent)
    os.environ.update(variables, OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
    with open(log, "ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = [str(script)]
    rank_zero_only.rank = int(variables.get("LOCAL_RANK", 0))
    torch.set_num_threads(1)
    multiprocessing.set_start_method(None, force=True)  # the platform's own, for the workers of loaders
    runpy.run_path(str(script), run_name="__main__")
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
