#!/bin/bash
# Run as root by packaging/dist's test in a Debian that systemd has booted: installs the package,
# runs the units, upgrades, removes and purges it. $1 and $2 are packages, the second newer.
set -euo pipefail
fail() { echo "FAILED: $*"; exit 1; }
step() { echo "--- $*"; }
# until TRIES COMMAND...: a second between two tries.
until_ok() {
	local tries=$1
	shift
	for ((; tries > 0; tries--)); do
		"$@" >/dev/null 2>&1 && return
		sleep 1
	done
	fail "$* does not succeed"
}
install() { dpkg -i "$1" || fail "dpkg -i $1"; }
mode() { stat -c '%a %U:%G' "$1"; }

step install
install "$1"
[[ $(id -un "$(stat -c %u /etc/warg)") == root ]] || fail "/etc/warg is not root's"
[[ $(mode /etc/warg/warg-personality.yaml) == "640 root:warg" ]] || fail "settings: $(mode /etc/warg/warg-personality.yaml)"
[[ $(systemctl is-enabled warg-personality) == disabled ]] || fail "it is enabled"
systemctl is-active -q warg-personality && fail "it was started"
[[ ! -e /var/lib/warg ]] || fail "there is data already"
for program in warg warg-auditor warg-personality; do
	$program version
	man -w $program >/dev/null || fail "no manual page of $program"
done

step "systemd's opinion of the units"
systemd-analyze verify warg-personality.service warg-auditor@test.service || fail "systemd-analyze verify"
XDG_RUNTIME_DIR=/run systemd-analyze --user verify /usr/lib/systemd/user/warg-agent.service || fail "systemd-analyze --user verify"
for unit in warg-personality warg-auditor@test; do
	systemd-analyze security --no-pager --threshold=20 $unit.service | tail -1 || fail "$unit is exposed"
done

work=$(mktemp -d)
step "a wrong setting is said, once"
echo 'namespace: [test]' >>/etc/warg/warg-personality.yaml
cp -p /etc/warg/warg-personality.yaml $work/good.yaml
echo 'no-such-setting: 1' >>/etc/warg/warg-personality.yaml
systemctl start warg-personality || true
sleep 5
[[ $(systemctl show -P NRestarts warg-personality) == 0 ]] || fail "it was restarted with a wrong setting"
systemctl is-failed -q warg-personality || fail "a wrong setting is no failure"
journalctl -u warg-personality | grep -q no-such-setting || fail "the journal does not say which setting is wrong"
cp -p $work/good.yaml /etc/warg/warg-personality.yaml
systemctl reset-failed warg-personality

step "the registry and the auditor run in their units"
systemctl enable --now warg-personality
url=http://127.0.0.1:8090
ready() { curl -fsS $url/readyz; }
until_ok 60 ready
[[ $(mode /var/lib/warg) == "700 warg:warg" ]] || fail "data: $(mode /var/lib/warg)"
[[ $(mode /var/lib/warg/operator.key) == "600 warg:warg" ]] || fail "key: $(mode /var/lib/warg/operator.key)"
pid=$(systemctl show -P MainPID warg-personality)
grep -q '^NoNewPrivs:.1$' /proc/$pid/status || fail "it can get privileges"
grep -q '^Seccomp:.2$' /proc/$pid/status || fail "its system calls are not filtered"
grep -q '^CapBnd:.0000000000000000$' /proc/$pid/status || fail "it has capabilities"
# A container may have a lower limit itself.
[[ $(systemctl show -P LimitNOFILE warg-personality) == 65536 ]] || fail "files: $(systemctl show -P LimitNOFILE warg-personality)"
nsenter -t $pid -m sh -c 'echo >/etc/warg/x' 2>/dev/null && fail "/etc can be written"
mkdir -p $work/client && cd $work/client
export HOME=$work/client
warg config --registry $url
warg key new -o key
warg publish init --key-file key test:hello
warg publish release --key-file key --name test:hello --version 1.0.0 /test/hello.wasm ||
	fail "content that the validator has to compile for was not published"
warg download test:hello@1.0.0 -o hello.wasm
cmp hello.wasm /test/hello.wasm
echo "REGISTRY=$url" >/etc/warg/auditor/test.env
systemctl enable --now warg-auditor@test
audited() { journalctl -u warg-auditor@test | grep -q 'nothing was found'; }
until_ok 60 audited
systemctl is-active -q warg-auditor@test || fail "the auditor does not run"
journalctl --no-pager -u warg-auditor@test | tail -3

step "it is started again after a crash"
kill -KILL $pid
again() { [[ $(systemctl show -P MainPID warg-personality) != "$pid" ]] && ready; }
until_ok 60 again
systemctl reload warg-personality

step upgrade
key=$(sha256sum </var/lib/warg/operator.key)
before=$(sha256sum </etc/warg/warg-personality.yaml)
pid=$(systemctl show -P MainPID warg-personality)
install "$2"
until_ok 60 again
[[ $(sha256sum </etc/warg/warg-personality.yaml) == "$before" ]] || fail "settings were changed"
[[ $(mode /etc/warg/warg-personality.yaml) == "640 root:warg" ]] || fail "settings: $(mode /etc/warg/warg-personality.yaml)"
[[ $(sha256sum </var/lib/warg/operator.key) == "$key" ]] || fail "the key was changed"
[[ $(readlink /proc/$(systemctl show -P MainPID warg-personality)/exe) == /usr/bin/warg-personality ]] || fail "the old program runs"
warg download test:hello@1.0.0 -o again.wasm
cmp again.wasm /test/hello.wasm
systemctl is-active -q warg-auditor@test || fail "the auditor does not run any more"

step remove
dpkg -r warg-trillian
systemctl is-active -q warg-personality && fail "it runs on"
[[ -e /etc/warg/warg-personality.yaml && -e /var/lib/warg/operator.key && ! -e /usr/bin/warg ]] || fail "it removed too much, or too little"

step "installed again, it goes on where it was"
install "$2"
systemctl start warg-personality
until_ok 60 ready
warg download test:hello@1.0.0 -o third.wasm

step purge
dpkg -P warg-trillian >$work/purged 2>&1
cat $work/purged
grep -q '/var/lib/warg is not empty and was kept' $work/purged || fail "it does not say that it kept the data"
[[ -e /var/lib/warg/operator.key && -e /var/lib/warg/registry.db ]] || fail "purging has removed a registry"
[[ ! -e /etc/warg/warg-personality.yaml ]] || fail "settings are there"
[[ ! -L /etc/systemd/system/multi-user.target.wants/warg-personality.service ]] || fail "it is enabled"

step "a package without data leaves nothing"
rm -rf /var/lib/warg /var/lib/warg-auditor /var/lib/private/warg-auditor /etc/warg
install "$2"
dpkg -P warg-trillian
for path in /etc/warg /var/lib/warg /usr/share/doc/warg-trillian; do
	[[ ! -e $path ]] || fail "$path is left"
done
echo PASSED
