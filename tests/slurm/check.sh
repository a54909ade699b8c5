#!/usr/bin/env bash
# A job that is longer than its time limit, in a real Slurm on this machine: it must requeue itself to completion, with
# the same bits as a run without Slurm. Needs root; installs slurm-wlm and munge (Debian) if they are not there, starts
# them with a configuration of their own, and stops them whatever happens. Takes some minutes.
#
#     tests/slurm/check.sh PYTHON_DIRECTORY      (the bin directory of an environment with cojump; make test-slurm)
set -euo pipefail
BIN=$(cd "$1" && pwd)
TOP=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "test-slurm needs root"; exit 1; }

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends slurm-wlm munge >/dev/null
fi

PLACE=$(mktemp -d /tmp/cojump-slurm-XXXXXX)
export SLURM_CONF=$PLACE/slurm.conf
NODE=$(hostname -s)
stop() {
    trap - EXIT INT TERM
    scancel --quiet --user=root 2>/dev/null || true
    for signal in TERM KILL; do
        for file in "$PLACE/slurmd.pid" "$PLACE/slurmctld.pid" /run/munge/cojump-test.pid; do
            [ -s "$file" ] && kill -$signal "$(cat "$file")" 2>/dev/null || true
        done
        sleep 1
    done
    rm -rf "$PLACE" /run/munge/cojump-test.pid
}
trap stop EXIT INT TERM

mkdir -p "$PLACE/state" "$PLACE/spool"
cat >"$SLURM_CONF" <<CONF
ClusterName=cojump
SlurmctldHost=$NODE(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
MpiDefault=none
ReturnToService=2
StateSaveLocation=$PLACE/state
SlurmdSpoolDir=$PLACE/spool
SlurmctldPidFile=$PLACE/slurmctld.pid
SlurmdPidFile=$PLACE/slurmd.pid
SlurmctldLogFile=$PLACE/slurmctld.log
SlurmdLogFile=$PLACE/slurmd.log
SlurmctldParameters=enable_configless
KillWait=20
InactiveLimit=0
JobRequeue=1
SchedulerParameters=sched_interval=5
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p /run/munge /var/log/munge /var/lib/munge /etc/munge
[ -s /etc/munge/munge.key ] || (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
chown -R munge: /run/munge /var/log/munge /var/lib/munge /etc/munge
chmod 755 /run/munge
munge -n >/dev/null 2>&1 || runuser -u munge -- munged --pid-file=/run/munge/cojump-test.pid
slurmctld
slurmd
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && break
    sleep 0.5
done
sinfo

# The model of tests/mpi/watched.py: half a second per trajectory where WATCHED_SLOW is set, the same numbers elsewhere.
cat >"$PLACE/run.toml" <<RUN
[model]
system = "$TOP/tests/mpi/watched.py:build"
size = 2
action = "wait"
rank = 0
directory = "$PLACE"
[initial]
kind = "tilted"
theta = 1.1
phi = 0.4
[times]
end = 1.0
steps = 4
[run]
n_traj = 240
seed = 7
chunk = 4
keep = 5
RUN
cat >"$PLACE/job.slurm" <<JOB
#!/usr/bin/env bash
#SBATCH --job-name=cojump-test
#SBATCH --ntasks=2
#SBATCH --time=1
#SBATCH --signal=B:USR1@20
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=$PLACE/job.log
echo "== \$(date +%T) start \${SLURM_RESTART_COUNT:-0} of job \$SLURM_JOB_ID"
export PATH=$BIN:\$PATH PYTHONPATH=${PYTHONPATH:-$TOP/src}:$TOP WATCHED_SLOW=1
exec $TOP/mpi_runs/launch.sh $PLACE/run.toml
JOB
JOB=$(sbatch --parsable "$PLACE/job.slurm")
echo "job $JOB: 240 trajectories of half a second on two ranks, a time limit of 60 s"
for _ in $(seq 900); do
    STATE=$(scontrol show job "$JOB" --oneliner | sed 's/.*JobState=\([A-Z_]*\).*/\1/')
    # Slurm lets a requeued job wait for two minutes; there is nothing to wait for here.
    [ "$STATE" = PENDING ] && scontrol update JobId="$JOB" StartTime=now 2>/dev/null || true
    case $STATE in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) break ;; esac
    sleep 1
done
scontrol show job "$JOB" | grep -E "JobState|Restarts|ExitCode" || true
echo "--- job.log"
cat "$PLACE/job.log"
echo "---"
STARTS=$(grep -c "^== " "$PLACE/job.log")
[ "$STATE" = COMPLETED ] || { echo "the job ended as $STATE"; tail -n 20 "$PLACE/slurmctld.log" "$PLACE/slurmd.log"; exit 1; }
[ "$STARTS" -ge 3 ] || { echo "the job started only $STARTS times"; exit 1; }

export PYTHONPATH=${PYTHONPATH:-$TOP/src}:$TOP
"$BIN/cojump" run "$PLACE/run.toml" -o "$PLACE/alone" 2>/dev/null
"$BIN/python" - "$PLACE" <<'CHECK'
import sys
from tests.mpi import digests

one, two = (digests.of_file(f"{sys.argv[1]}/{name}/result.h5") for name in ("results", "alone"))
assert one == two, "the bits differ"
print("the same bits as a run without Slurm")
CHECK
echo "test-slurm: passed, $STARTS starts"
