#!/bin/sh
# Makes the operator key that the personalities share, once. A key that is there
# stays: with another one, clients would take the registry for an impostor.
set -eu
key=$1
if [ -s "$key" ]; then
	echo "make-key: $key is there"
	exit 0
fi
warg-personality key new -o "$key" # readable by its owner alone, and on disk
echo "make-key: made $key; keep a copy of it"
warg-personality key info "$key"
