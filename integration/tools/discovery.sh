#!/usr/bin/env bash
# Installs schemathesis, which tries the discovery API by its OpenAPI document. What is
# there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

schemathesis_version=4.32.5

# install_schemathesis DIR: pip puts it and what it needs into a folder, beside a command.
install_schemathesis() {
	if ! python3 -m pip --version >/dev/null 2>&1; then
		say "pip is missing: install python3-pip, then run this again"
		return 1
	fi
	python3 -m pip install --quiet --no-input --disable-pip-version-check --target "$1/lib" "schemathesis==$schemathesis_version"
	mkdir "$1/bin"
	cat >"$1/bin/schemathesis" <<'COMMAND'
#!/bin/sh
PYTHONPATH=$(dirname "$(readlink -f "$0")")/../lib exec python3 -c 'from schemathesis.cli import schemathesis; schemathesis()' "$@"
COMMAND
	chmod +x "$1/bin/schemathesis"
}
cached "schemathesis-$schemathesis_version" install_schemathesis
link "schemathesis-$schemathesis_version" schemathesis
