#!/bin/sh
# Makes what the stack's witness reads, its keys and the list of its logs, and the policy
# by which personalities and auditors know it. It may run at any time, any number of
# times, and be interrupted. Keys that are there stay: who trusts the witness knows it by
# them. The other files are written anew, from the keys that are there.
#
# prepare.sh STATE PUBLIC: the witness's own folder, and the one with the public keys of
# the logs, where the policy goes. WITNESS_NAME is the name of new keys, WITNESS_URL where
# the personalities find the witness.
set -eu
state=$1
public=$2
umask 077

# make_key NAME ML-DSA: the private half comes last, so where it is, both are whole.
make_key() {
	if [ -s "$state/$1.key" ]; then
		echo "prepare: $state/$1.key is there"
		return
	fi
	rm -f "$state/new.key" "$state/new.vkey"
	generate_keys "-origin=$WITNESS_NAME" "-mldsa=$2" "-out_priv=$state/new.key" "-out_pub=$state/new.vkey"
	sync # nobody may trust a key that a power cut takes away
	mv "$state/new.vkey" "$state/$1.vkey"
	mv "$state/new.key" "$state/$1.key"
	sync
	echo "prepare: made $state/$1.key"
}
make_key ed25519 false
make_key ml-dsa true

# The first key of a log is for Ed25519; its name is the log's origin. The witness knows
# a log by one key.
logs() {
	echo "Logs:"
	for log in records checkpoints; do
		vkey=$(head -n 1 "$public/$log.vkey")
		echo "- Origin: \"${vkey%%+*}\""
		echo "  PublicKey: \"$vkey\""
	done
}

policy() {
	echo "# The logs of this registry, and the witness in its stack, which cosigns with two keys."
	for log in records checkpoints; do
		sed 's/^/log /' "$public/$log.vkey"
	done
	for key in ed25519 ml-dsa; do
		vkey=$(cat "$state/$key.vkey")
		echo "witness stack-$key $vkey $WITNESS_URL"
	done
	echo "group stack all stack-ed25519 stack-ml-dsa"
	echo "quorum stack"
}

# Not through a pipe, which would hide that one of them fails.
logs >"$state/logs.yaml.new"
mv "$state/logs.yaml.new" "$state/logs.yaml"
policy >"$public/witness.policy.new"
chmod 644 "$public/witness.policy.new"
mv "$public/witness.policy.new" "$public/witness.policy"
echo "prepare: $public/witness.policy is"
cat "$public/witness.policy"
