package store

import (
	"database/sql/driver"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"
)

// mysqlPassing is [dialect].passing of MySQL and MariaDB: conflicts with other
// transactions, and a server that is not there. The numbers are from their
// lists of error codes; those from 2000 come from proxies.
func mysqlPassing(err error, tries int) bool {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return connectionLost(err)
	}
	switch e.Number {
	case 1213, // deadlock
		1205, // a lock was not got in time
		1020, // a row has changed since the snapshot (MariaDB, innodb_snapshot_isolation)
		3101: // undone by group replication, for a conflict
		return true
	case 1062: // another process may have inserted the row since this one looked
		return tries < 3
	case 1040, 1203: // too many connections
		return true
	}
	return mysqlAway(e.Number) || vitessPassing(e)
}

// mysqlAway tells the errors of a server that is not there, or not for this
// connection.
func mysqlAway(number uint16) bool {
	switch number {
	case 1047, 1053, // the server joins or leaves its cluster, shuts down
		1152, 1158, 1159, 1160, 1161, 1184, // connection broken
		1927, 2006, 2013, 4031, // connection killed, gone, lost, idle too long
		2002, 2003, 3168: // a proxy's server takes no connections, is not available
		return true
	}
	return false
}

// connectionLost: the driver could not connect, or not go on.
func connectionLost(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.As(err, &network)
}

// mysqlUndone is [dialect].undone of MySQL and MariaDB. A cluster may find a
// conflict at the commit and then says that it undid the transaction. Of
// everything else, above all of a connection that is gone, it is not known on
// which side of the commit it came.
func mysqlUndone(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1213 || e.Number == 3101)
}
