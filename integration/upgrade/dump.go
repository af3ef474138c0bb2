package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// collation is left out of dumps: MySQL does not know all of MariaDB's, and
// nothing in these tables depends on it.
var collation = regexp.MustCompile(` COLLATE[= ][a-z0-9_]+`)

// dumpDatabase writes statements that make the tables of a database with their
// rows. Nobody may write to it meanwhile.
func dumpDatabase(ctx context.Context, dsn, file string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SHOW TABLES")
	if err != nil {
		return err
	}
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		tables = append(tables, table)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	// The tables come in the order of their names, not of their references.
	text := bytes.NewBufferString("SET FOREIGN_KEY_CHECKS = 0;\n")
	for _, table := range tables {
		if err := dumpTable(ctx, db, table, text); err != nil {
			return fmt.Errorf("dump table %s: %w", table, err)
		}
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}

func dumpTable(ctx context.Context, db *sql.DB, table string, text *bytes.Buffer) error {
	var name, create string
	if err := db.QueryRowContext(ctx, "SHOW CREATE TABLE `"+table+"`").Scan(&name, &create); err != nil {
		return err
	}
	fmt.Fprintf(text, "%s;\n", collation.ReplaceAllString(create, ""))
	rows, err := db.QueryContext(ctx, "SELECT * FROM `"+table+"`")
	if err != nil {
		return err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	values, into := make([]sql.RawBytes, len(types)), make([]any, len(types))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		literals := make([]string, len(values))
		for i, v := range values {
			literals[i] = literal(v, types[i].DatabaseTypeName())
		}
		fmt.Fprintf(text, "INSERT INTO `%s` VALUES (%s);\n", table, strings.Join(literals, ","))
	}
	return rows.Err()
}

// literal writes a value of a column type in SQL.
func literal(value []byte, columnType string) string {
	switch {
	case value == nil:
		return "NULL"
	case strings.Contains(columnType, "INT"):
		return string(value)
	case strings.HasSuffix(columnType, "BLOB"), strings.HasSuffix(columnType, "BINARY"):
		return fmt.Sprintf("X'%x'", value)
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(string(value)) + "'"
}
