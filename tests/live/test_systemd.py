"""A real systemd, in namespaces of its own, runs our real units."""

import os
import shutil
import subprocess

import pytest

from processes import ROOT, SLOWNESS
from worker import BUILD

SANDBOX = ROOT / "tests/lib/systemd-sandbox"
pytestmark = [pytest.mark.timing, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]


def inside(script, seconds=60):
    """Runs a shell script inside; dm-worker is installed there with its units, and has a configuration."""
    preparation = f"""
set -eu
cd /
meson install -C {BUILD} --no-rebuild --quiet >/dev/null 2>&1
systemd-sysusers
install -d /etc/dm-worker
install -m 640 -g dm-worker /usr/local/share/doc/dm-worker/examples/dm-worker.toml /etc/dm-worker/ # as README says
cat >/etc/dm-worker/dm-worker.toml <<'TOML'
worker-addr = "127.0.0.1:8262"
source-id = "s1"
[from]
host = "127.0.0.1"
port = 1
user = "u"
password = "p-secret-9"
TOML
systemctl daemon-reload
fail() {{ echo "FAILED: $*"; systemctl status dm-worker --no-pager -l; journalctl --no-pager -u dm-worker; exit 1; }}
until_true() {{ for _ in $(seq 100); do if eval "$1"; then return; fi; sleep 0.1; done; fail "not in time: $1"; }}
"""
    done = subprocess.run([SANDBOX, str(seconds * SLOWNESS), "bash", "-c", preparation + script], capture_output=True, text=True,
                          timeout=seconds * SLOWNESS + 30)
    if done.returncode == 125:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    return done.stdout


def test_the_units_are_right(tmp_path):
    units = [shutil.copy(BUILD / "systemd/dm-worker.service", tmp_path), shutil.copy(ROOT / "systemd/dm-worker.socket", tmp_path)]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "dm-worker" in line and "not executable" not in line]
    assert not ours, ours


def test_ready_status_reload_journal_and_stop():
    out = inside("""
systemctl enable --now dm-worker 2>/dev/null || fail start
[ "$(systemctl show -P ActiveState dm-worker)" = active ] || fail "not active"
[ -n "$(systemctl show -P StatusText dm-worker)" ] || fail "no STATUS="
echo "status text: $(systemctl show -P StatusText dm-worker)"
curl -sf http://127.0.0.1:8262/livez >/dev/null || fail "not live"
[ "$(curl -s http://127.0.0.1:8262/apis/v1alpha1/status | head -c 14)" = '{"result":true' ] || fail "no status"
[ "$(ps -o user= -p $(systemctl show -P MainPID dm-worker))" != root ] || fail "runs as root"
systemctl reload dm-worker || fail reload
until_true '[ "$(systemctl show -P ActiveState dm-worker)" = active ]'
journalctl --no-pager -u dm-worker -o json | grep -q '"DM_' || fail "no journal fields of ours"
! journalctl --no-pager -u dm-worker -o json | grep -q p-secret-9 || fail "the password is in the journal"
begin=$(date +%s%N)
systemctl stop dm-worker || fail stop
took=$(( ($(date +%s%N) - begin) / 1000000 ))
[ $took -lt 5000 ] || fail "stop took $took ms"
[ "$(systemctl show -P Result dm-worker)" = success ] || fail "ended badly"
""")
    assert "status text: " in out


def test_a_hung_process_is_restarted_by_the_watchdog():
    inside("""
mkdir -p /etc/systemd/system/dm-worker.service.d
printf '[Service]\\nWatchdogSec=2\\nRestartSec=100ms\\nTimeoutAbortSec=2\\n' >/etc/systemd/system/dm-worker.service.d/quick.conf
systemctl daemon-reload
systemctl start dm-worker || fail start
sleep 4
[ "$(systemctl show -P NRestarts dm-worker)" = 0 ] || fail "restarted although it was well"
kill -STOP $(systemctl show -P MainPID dm-worker)
until_true '[ "$(systemctl show -P NRestarts dm-worker)" -ge 1 ]'
until_true 'curl -sf http://127.0.0.1:8262/livez >/dev/null'
""")


def test_a_killed_process_comes_back():
    inside("""
systemctl start dm-worker || fail start
kill -KILL $(systemctl show -P MainPID dm-worker)
until_true '[ "$(systemctl show -P NRestarts dm-worker)" -ge 1 ]'
until_true 'curl -sf http://127.0.0.1:8262/livez >/dev/null'
""")


def test_started_by_its_socket():
    inside("""
systemctl start dm-worker.socket || fail "the socket"
[ "$(systemctl show -P ActiveState dm-worker.service)" = inactive ] || fail "already started"
curl -sf --max-time 10 http://127.0.0.1:8262/livez >/dev/null || fail "no answer by the socket"
[ "$(systemctl show -P ActiveState dm-worker.service)" = active ] || fail "not started"
""")


def test_a_bad_configuration_does_not_start_and_is_not_tried_again():
    inside("""
sed -i '1i nonsense = 1' /etc/dm-worker/dm-worker.toml
if systemctl start dm-worker; then fail "it started"; fi
journalctl --no-pager -u dm-worker | grep -q 'dm-worker.toml:1:1: nonsense' || fail "the journal does not name the place"
[ "$(systemctl show -P ExecMainStatus dm-worker)" = 2 ] || fail "ended with another code"
sleep 2.5 # RestartSec is 1 s
[ "$(systemctl show -P ActiveState dm-worker)" = failed ] || fail "it is tried again"
[ "$(systemctl show -P NRestarts dm-worker)" = 0 ] || fail "it was tried again"
""")


def test_a_reload_with_a_bad_file_is_refused_and_harms_nothing():
    inside("""
systemctl start dm-worker || fail start
before=$(systemctl show -P MainPID dm-worker)
sed -i '1i nonsense = 1' /etc/dm-worker/dm-worker.toml
if systemctl reload dm-worker; then fail "the reload was taken"; fi
sed -i '1d; s/^source-id/log-level = "debug"\\nsource-id/' /etc/dm-worker/dm-worker.toml
systemctl reload dm-worker || fail "the reload of a good file"
until_true 'journalctl --no-pager -u dm-worker | grep -q "configuration reloaded"'
[ "$(systemctl show -P MainPID dm-worker)" = "$before" ] || fail "it was restarted"
[ "$(systemctl show -P ActiveState dm-worker)" = active ] || fail "it is not active"
""")


def test_dmctl_and_the_fields_of_the_journal():
    inside("""
systemctl start dm-worker || fail start
cat >/root/task.yaml <<'YAML'
name: shop
task-mode: incremental
target-database: {host: 127.0.0.1, port: 1, user: u, password: "t-secret-9"}
mysql-instances:
- source-id: s1
  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4}
YAML
dmctl start-task /root/task.yaml || fail "start-task"
until_true 'dmctl query-status shop | grep -q stage.*Paused'
dmctl query-status --summary | grep -q 'Error - Some error occurred in subtask' || fail "no summary"
journalctl --no-pager DM_TASK=shop | grep -q . || fail "no field DM_TASK"
journalctl --no-pager -o json DM_TASK=shop | grep -q '"DM_SOURCE":"s1"' || fail "no field DM_SOURCE"
until_true 'systemctl show -P StatusText dm-worker | grep -q "task shop Paused by error"'
! grep -rq t-secret-9 /run/log/journal || fail "the password is in the journal"
[ "$(stat -c '%U %a' /var/lib/dm-worker)" = "dm-worker 750" ] || fail "the state directory"
[ -d /var/lib/dm-worker/relay_log ] || fail "no relay directory there"
systemctl restart dm-worker || fail restart
until_true 'dmctl query-status shop | grep -q name.*shop'
""")


def test_the_unit_is_hardened():
    """The score of `systemd-analyze security` may fall, never rise."""
    out = inside("systemd-analyze security --no-pager dm-worker.service | tail -1")
    score = float(out.strip().splitlines()[-1].split(":")[1].split()[0])
    assert score <= 1.2, out
