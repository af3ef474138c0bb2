#!/usr/bin/env bash
# Builds integration/readers/program, which reads logs with tessera's and torchwood's
# readers, into .cache/tools/bin. It is built for each clone, since it is the clone's
# own program; go knows when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

mkdir -p "$tools/bin"
(cd integration/readers/program && CGO_ENABLED=0 go build -trimpath -o "$tools/bin/readers" .)
say "built readers"
