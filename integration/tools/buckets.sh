#!/usr/bin/env bash
# Installs servers of buckets that others have written, with links in .cache/tools/bin:
# versitygw speaks S3, fake-gcs-server speaks as Google Cloud Storage does, and azurite,
# where npm is there to install it, as Azure Blob Storage does.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

# build PATH@VERSION FOLDER
build() {
	# Outside of this module, so that the server's own go.mod chooses the versions.
	(cd / && GOBIN=$2/bin CGO_ENABLED=0 go install "$1")
}

# npm_install PACKAGE@VERSION COMMAND FOLDER
npm_install() {
	npm install --silent --no-audit --no-fund --prefix "$3" "$1" || return 1
	mkdir -p "$3/bin"
	ln -s "../node_modules/.bin/$2" "$3/bin/$2"
}

versitygw=v1.8.0
fake_gcs=v1.56.1
azurite=3.37.0

cached "versitygw-$versitygw" build "github.com/versity/versitygw/cmd/versitygw@$versitygw"
link "versitygw-$versitygw" versitygw
cached "fake-gcs-server-$fake_gcs" build "github.com/fsouza/fake-gcs-server@$fake_gcs"
link "fake-gcs-server-$fake_gcs" fake-gcs-server
if command -v npm >/dev/null; then
	cached "azurite-$azurite" npm_install "azurite@$azurite" azurite-blob
	link "azurite-$azurite" azurite-blob
else
	say "npm is not there: tests of Azure Blob Storage are left out"
fi
