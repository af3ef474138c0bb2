#!/usr/bin/env bash
# Installs what the pages are tried with in a browser, beside the browser itself: axe-core,
# which looks for what keeps people from using a page (MPL-2.0; only tests load it), as
# .cache/tools/axe.min.js.
set -euo pipefail
cd "$(dirname "$0")/../.."
source integration/tools/cache.sh

axe=4.14.1
# As the registry of npm has it ("dist.integrity").
axe_sha512=FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==

# fetch_axe FOLDER: fills it with the script and its licence.
fetch_axe() {
	local out=$1 got
	(cd "$out" && npm pack --silent "axe-core@$axe" >/dev/null) || return 1
	got=$(openssl dgst -sha512 -binary "$out/axe-core-$axe.tgz" | base64 -w0)
	if [[ $got != "$axe_sha512" ]]; then
		say "axe-core $axe has another content than is known: sha512-$got"
		return 1
	fi
	tar -xzf "$out/axe-core-$axe.tgz" -C "$out" --strip-components 1 package/axe.min.js package/LICENSE || return 1
	rm "$out/axe-core-$axe.tgz"
}

if ! command -v npm >/dev/null; then
	say "npm is not there: tests of the pages with axe-core are left out"
	exit
fi
cached "axe-core-$axe" fetch_axe
mkdir -p "$tools"
ln -sfn "$cache/axe-core-$axe/axe.min.js" "$tools/axe.min.js"
