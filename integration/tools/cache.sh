# Sourced by the scripts beside it. What takes minutes to build is kept by name and
# version in the user's cache folder, where every clone on this machine finds it;
# .cache/tools of a clone has links to it.
cache=${XDG_CACHE_HOME:-${HOME:-$PWD}/.cache}/warg-trillian
tools=$PWD/.cache/tools

say() { echo "install: $*"; }

# cached NAME-VERSION COMMAND...: see to it that the folder of that name is in the
# cache; the command makes it, in the folder that is its last argument. What was
# only half made is not taken for whole.
cached() {
	local name=$1 new
	shift
	if [[ -d $cache/$name ]]; then
		say "$name is there"
		return
	fi
	say "building $name (some minutes, once)"
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/.$name.XXXXXX")
	if ! "$@" "$new"; then
		rm -rf "$new"
		return 1
	fi
	chmod 755 "$new"
	mv -T "$new" "$cache/$name" 2>/dev/null || rm -rf "$new" # another clone was first
}

# link NAME-VERSION COMMAND...: put links to commands of the cache into the clone.
link() {
	local name=$1 command
	shift
	mkdir -p "$tools/bin"
	for command; do
		ln -sfn "$cache/$name/bin/$command" "$tools/bin/$command"
	done
}
