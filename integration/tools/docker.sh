#!/usr/bin/env bash
# Runs the tests that need a Docker engine, 25 or newer, with compose; DOCKER_HOST says
# where, if it is not the usual one. Where none answers it says so, and ends with status 2.
# They make containers, volumes, networks and images with names of their own, and remove
# them; a stack that runs there is left alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
	echo "test-docker: $*" >&2
	exit 2
}
command -v docker >/dev/null || fail "there is no docker command"
version=$(docker version --format '{{.Server.Version}}' 2>/dev/null) ||
	fail "no Docker engine answers${DOCKER_HOST:+ at $DOCKER_HOST}: start one, or set DOCKER_HOST"
if [[ ! ${version%%.*} =~ ^[0-9]+$ ]] || ((${version%%.*} < 25)); then
	fail "the Docker engine is $version; docker-compose.yml needs 25 or newer"
fi
compose=$(docker compose version --short 2>/dev/null) || fail "docker has no compose"
[[ -x .cache/tools/bin/warg ]] || fail "the official client is missing: run \`make tools\`"
echo "test-docker: engine $version, compose $compose"
WARG_TEST_DOCKER=1 exec "${GO:-go}" test -v -count=1 -timeout 60m -run '^TestDocker$' ./integration
