#!/usr/bin/env bash
# Run a run file inside a job of Slurm: pass the scheduler's signals on to it, and requeue the job until it is complete.
#
#     mpi_runs/launch.sh mpi_runs/constrained/run.toml [-o DIR]
#
# LAUNCHER starts the ranks; the default is the mpiexec of the path with all tasks of the job. With the cluster's own
# MPI it often is LAUNCHER=srun. COJUMP is the program (default: cojump).
set -u
LAUNCHER=${LAUNCHER:-mpiexec -n ${SLURM_NTASKS:-2}}
COJUMP=${COJUMP:-cojump}

export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1  # the ranks are the parallelism
# Compiled kernels on the disk of each node: one rank of every node compiles, the others of it read.
export NUMBA_CACHE_DIR=${NUMBA_CACHE_DIR:-${TMPDIR:-/tmp}/cojump-kernels-$(id -u)}
mkdir -p "$NUMBA_CACHE_DIR"

$LAUNCHER "$COJUMP" run "$@" &
ranks=$!
trap 'kill -USR1 "$ranks" 2>/dev/null' USR1 TERM
wait "$ranks"
status=$?
while kill -0 "$ranks" 2>/dev/null; do  # the wait above ended because of a signal, not because the run did
    wait "$ranks"
    status=$?
done
trap '' USR1 TERM

# 75: stopped where nothing is lost, to be run again. Anything else is the end, good or bad.
if [ "$status" -eq 75 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    echo "cojump: requeueing job ${SLURM_JOB_ID} (restart $((${SLURM_RESTART_COUNT:-0} + 1)))"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
