#!/bin/sh
# Makes the keys that the personalities share, once: the operator key, and the note keys
# of the two logs beside it. A key that is there stays: with another one, clients and
# witnesses would take the registry for an impostor. The public halves of the note keys go
# to a folder that others may read.
#
# make-key.sh OPERATOR_KEY PUBLIC_FOLDER
set -eu
key=$1
public=$2
dir=$(dirname "$key")
if [ -s "$key" ]; then
	echo "make-key: $key is there"
else
	warg-personality key new -o "$key" # readable by its owner alone, and on disk
	echo "make-key: made $key; keep a copy of it"
fi
warg-personality key info "$key"
for log in records checkpoints; do
	if [ ! -s "$dir/$log-note.key" ]; then
		warg-personality note-key new --origin "$WARG_ORIGIN" --log "$log" -o "$dir/$log-note.key"
		echo "make-key: made $dir/$log-note.key; keep a copy of it"
	fi
	warg-personality note-key show "$dir/$log-note.key" >"$public/$log.vkey.new"
	mv "$public/$log.vkey.new" "$public/$log.vkey"
	cat "$public/$log.vkey"
done
