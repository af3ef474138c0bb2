#!/bin/sh
# Makes what the stack needs in MariaDB: a database and a user for Trillian, with
# Trillian's tables, and a database and a user for the registry, which makes its
# own tables. It may run at any time, any number of times, and be interrupted: it
# makes what is missing, sets the users' passwords, and leaves the rest alone.
set -eu

for password in "$TRILLIAN_DB_PASSWORD" "$WARG_DB_PASSWORD"; do
	case $password in
	'' | *[!A-Za-z0-9._-]*)
		echo "prepare: a password is empty, or has other characters than letters, digits and . _ -" >&2
		exit 1
		;;
	esac
done

# The password is in MYSQL_PWD.
client() { mariadb --protocol=tcp --host="$MARIADB_HOST" --user=root "$@"; }

client <<SQL
CREATE DATABASE IF NOT EXISTS trillian;
CREATE USER IF NOT EXISTS 'trillian'@'%';
ALTER USER 'trillian'@'%' IDENTIFIED BY '$TRILLIAN_DB_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE ON trillian.* TO 'trillian'@'%';

CREATE DATABASE IF NOT EXISTS warg;
CREATE USER IF NOT EXISTS 'warg'@'%';
ALTER USER 'warg'@'%' IDENTIFIED BY '$WARG_DB_PASSWORD';
GRANT ALL PRIVILEGES ON warg.* TO 'warg'@'%';
SQL

# Trillian's schema makes its tables only if they are missing, but not its
# indexes, and so can be loaded once; this way, always.
sed -E 's/^CREATE (UNIQUE )?INDEX /&IF NOT EXISTS /' "$TRILLIAN_SCHEMA" | client trillian
echo "prepare: the databases are ready"
