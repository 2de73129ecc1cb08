"""Settings of `ray.init` that Hydra's launcher for Ray (1.2.2) needs before it starts.

- It always names an object store of 75 MiB, which Ray rejects when it joins a cluster, and which is too
  small for large programs: https://github.com/facebookresearch/hydra/issues/2893, fixed but not released yet.
  `tests/sweep/test_ray_launcher.py` fails once it is.
- The processes of a cluster start in the folder in which `ray start` was called, so that every relative path
  of a cell would refer to another file. They change to the folder of the sweep's command.
- The dashboard of a Ray that starts with the sweep would be one more process that disturbs the measurements.
- Ray gives OpenMP as many threads as a task has CPUs, unless OMP_NUM_THREADS is set (2.60, in
  `ray/_private/utils.py`), and TorchInductor compiles that number into its programs: those of a build with
  one CPU would be slow.
- Ray prints only the first of several equal lines, so the same step of a second cell would not be shown.
"""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig, open_dict

from etbench.host.environment import RAY_NODE

__all__ = ["LAUNCHER", "enter_folder", "prepare"]

LAUNCHER = "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"
FOLDER = "ETBENCH_RAY_FOLDER"


def prepare(launcher: DictConfig) -> None:
    """Complete the settings that the launcher passes to `ray.init`; settings of the user have priority."""
    settings = launcher.ray.init
    with open_dict(settings):
        settings.setdefault("object_store_memory", None)  # the default of Ray
        settings.setdefault("include_dashboard", False)
        settings.setdefault("runtime_env", {})
        settings.runtime_env.setdefault("worker_process_setup_hook", f"{__name__}.{enter_folder.__name__}")
        settings.runtime_env.setdefault("env_vars", {})
        settings.runtime_env.env_vars.setdefault(FOLDER, str(Path.cwd()))
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")


def enter_folder() -> None:
    """Start a process of Ray in the folder of the sweep's command, with its node and all CPUs.

    Raises:
        FileNotFoundError: if the node has no such folder.

    """
    import ray

    node = os.environ[RAY_NODE] = ray.get_runtime_context().get_node_id()
    folder = Path(os.environ[FOLDER])
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: node {node} has no such folder; start the sweep in one that all nodes share"
        )
    os.chdir(folder)
    ray._private.utils.set_omp_num_threads_if_unset = lambda: False
