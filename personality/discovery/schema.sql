-- The index of what is in packages. All of it is derived; see doc.go.
--
-- An entry id is a place in the records log: the registry index of a record times 65536,
-- and the number of the entry in it. It is the same in every process.
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE keys (
	id INTEGER PRIMARY KEY,
	key TEXT NOT NULL UNIQUE, -- key id
	public TEXT NOT NULL DEFAULT '',
	records INTEGER NOT NULL DEFAULT 0, -- that it signed
	releases INTEGER NOT NULL DEFAULT 0 -- in them
);

CREATE TABLE packages (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	short TEXT NOT NULL, -- without the namespace
	created INTEGER NOT NULL, -- entry id; the three behind it are of that record
	record BLOB NOT NULL,
	time INTEGER NOT NULL, -- nanoseconds since 1970
	key INTEGER NOT NULL,
	releases INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX packages_short ON packages (short, name);

CREATE TABLE namespaces (name TEXT PRIMARY KEY, packages INTEGER NOT NULL) WITHOUT ROWID;

-- What a key may do, and did, in a package; package 0 is the operator log.
CREATE TABLE held (
	key INTEGER NOT NULL,
	package INTEGER NOT NULL,
	permissions TEXT NOT NULL, -- with commas between them
	records INTEGER NOT NULL DEFAULT 0,
	last INTEGER, -- entry id of its last record; the two behind it are of that
	record BLOB,
	time INTEGER,
	PRIMARY KEY (key, package)
) WITHOUT ROWID;
CREATE INDEX held_package ON held (package, key);

-- Entries of packages' logs that are neither a release nor a yank.
CREATE TABLE changes (
	package INTEGER NOT NULL,
	id INTEGER NOT NULL, -- entry id
	entry TEXT NOT NULL,
	subject INTEGER NOT NULL, -- key
	permissions TEXT NOT NULL,
	record BLOB NOT NULL,
	time INTEGER NOT NULL,
	key INTEGER NOT NULL,
	PRIMARY KEY (package, id)
) WITHOUT ROWID;

CREATE TABLE contents (
	id INTEGER PRIMARY KEY,
	digest BLOB NOT NULL UNIQUE,
	state INTEGER NOT NULL DEFAULT 0, -- states of description, see describe.go
	module INTEGER NOT NULL DEFAULT 0, -- version of the module that described it; 0: none did
	due INTEGER NOT NULL DEFAULT 0, -- when to try (again), in seconds since 1970
	tries INTEGER NOT NULL DEFAULT 0, -- in vain
	kind TEXT NOT NULL DEFAULT '',
	size INTEGER NOT NULL DEFAULT 0,
	description TEXT NOT NULL DEFAULT '', -- one line
	license TEXT NOT NULL DEFAULT '', -- one line
	wit INTEGER NOT NULL DEFAULT 0, -- 1: there is one
	tags BLOB NOT NULL DEFAULT x'', -- ids of tags
	withheld TEXT -- JSON of why it is
);
CREATE INDEX contents_due ON contents (module, due);

CREATE TABLE descriptions (
	content INTEGER PRIMARY KEY,
	text BLOB NOT NULL, -- compressed JSON of a Description
	wit BLOB -- compressed JSON of a WIT
);

CREATE TABLE releases (
	id INTEGER PRIMARY KEY, -- entry id
	package INTEGER NOT NULL,
	class INTEGER NOT NULL, -- see heads.go
	rank BLOB NOT NULL, -- key of the version
	version TEXT NOT NULL,
	content INTEGER NOT NULL,
	record BLOB NOT NULL,
	time INTEGER NOT NULL,
	key INTEGER NOT NULL,
	yank INTEGER, -- entry id; the three behind it are of that record
	yank_record BLOB,
	yank_time INTEGER,
	yank_key INTEGER
);
CREATE INDEX releases_order ON releases (package, class, rank);
CREATE INDEX releases_package ON releases (package, id);
CREATE INDEX releases_content ON releases (content);
CREATE INDEX releases_key ON releases (key, id);
CREATE INDEX releases_yank ON releases (package, yank) WHERE yank IS NOT NULL;

-- Which release of a package is the newest, for whom, at which lengths of the log.
CREATE TABLE heads (
	release INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL, -- not any more at this length
	mask INTEGER NOT NULL, -- see heads.go
	package INTEGER NOT NULL,
	content INTEGER NOT NULL,
	marks INTEGER NOT NULL, -- of its tags, see marksOf
	PRIMARY KEY (release, since, mask)
) WITHOUT ROWID;
CREATE INDEX heads_package ON heads (package, until, content);
CREATE INDEX heads_content ON heads (content, until, package);
CREATE INDEX heads_until ON heads (until, release);

-- What contents have in common. The kind is in the lowest bits of the id.
CREATE TABLE tags (
	id INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL,
	name TEXT NOT NULL,
	version TEXT NOT NULL,
	contents INTEGER NOT NULL DEFAULT 0,
	packages INTEGER NOT NULL DEFAULT 0, -- whose newest release has it
	UNIQUE (kind, name, version)
);
CREATE INDEX tags_packages ON tags (kind, packages DESC, name);

CREATE TABLE postings (tag INTEGER NOT NULL, content INTEGER NOT NULL, PRIMARY KEY (tag, content)) WITHOUT ROWID;

-- What is searched, by release; docs.go makes the words.
CREATE VIRTUAL TABLE docs USING fts5(name, text, interfaces, content='', contentless_delete=1, detail=column, tokenize="unicode61 remove_diacritics 0");

-- All words, and the trigrams of each with blanks around it.
CREATE TABLE words (
	id INTEGER PRIMARY KEY,
	word TEXT NOT NULL UNIQUE,
	back TEXT NOT NULL -- its letters from the last to the first
);
CREATE INDEX words_back ON words (back);
CREATE VIRTUAL TABLE trigrams USING fts5(word, content='', detail=none, tokenize="trigram case_sensitive 1");
