"""Many runs at once: what a run is, who carries it out, and what becomes of one that fails."""

from experiments.engine.jobs import Done, Failure, Job, run_id_of
from experiments.engine.running import run_jobs

__all__ = ["Done", "Failure", "Job", "run_id_of", "run_jobs"]
