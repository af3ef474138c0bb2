package vitess

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

// primary is the tablet that the topology says is the primary.
func (c *Cluster) primary(t *testing.T) *tablet {
	t.Helper()
	alias, err := c.primaryAlias()
	if err != nil {
		t.Fatal(err)
	}
	for _, tablet := range c.tablets {
		if tablet.alias == alias {
			return tablet
		}
	}
	t.Fatalf("the primary is %q, none of %v", alias, c.names())
	return nil
}

func (c *Cluster) primaryAlias() (string, error) {
	out, err := c.ask("GetShard", Keyspace+"/0")
	if err != nil {
		return "", err
	}
	var shard struct {
		Shard struct {
			Primary struct {
				Cell string
				UID  int
			} `json:"primary_alias"`
		}
	}
	if err := json.Unmarshal(out, &shard); err != nil {
		return "", fmt.Errorf("GetShard: %w in %s", err, out)
	}
	return fmt.Sprintf("%s-%010d", shard.Shard.Primary.Cell, shard.Shard.Primary.UID), nil
}

// Reparent makes another tablet the primary, as before maintenance.
func (c *Cluster) Reparent(t *testing.T) {
	t.Helper()
	before := c.primary(t)
	begin := time.Now()
	if err := c.ctl("PlannedReparentShard", Keyspace+"/0", "--avoid-primary="+before.alias); err != nil {
		t.Fatal(err)
	}
	t.Logf("planned reparent from %s to %s in %v", before.alias, c.primary(t).alias, time.Since(begin).Round(time.Millisecond))
}

// KillPrimary ends the primary's MySQL server and vttablet at once, waits until
// VTOrc has elected another, and starts them again; returns when they serve as a replica.
func (c *Cluster) KillPrimary(t *testing.T) {
	t.Helper()
	before := c.primary(t)
	begin := time.Now()
	if err := before.kill(); err != nil {
		t.Fatal(err)
	}
	for c.primary(t) == before {
		if time.Since(begin) > patience {
			t.Fatalf("%s is the primary %v after it was killed", before.alias, patience)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("killed primary %s: VTOrc elected %s after %v", before.alias, c.primary(t).alias, time.Since(begin).Round(time.Millisecond))
	if err := before.restart(); err != nil {
		t.Fatal(err)
	}
	if err := await(c.allServe, nil); err != nil {
		t.Fatal(err)
	}
}

// allServe fails unless vtgate sees every tablet serve.
func (c *Cluster) allServe(ctx context.Context) error {
	db, err := sql.Open("mysql", c.DSN(Keyspace))
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SHOW VITESS_TABLETS")
	if err != nil {
		return err
	}
	defer rows.Close()
	serving := 0
	for rows.Next() {
		var where, keyspace, shard, kind, state, alias, host, since string
		if err := rows.Scan(&where, &keyspace, &shard, &kind, &state, &alias, &host, &since); err != nil {
			return err
		}
		if state == "SERVING" {
			serving++
		}
	}
	if serving < tablets {
		return errors.Join(rows.Err(), fmt.Errorf("%d of %d tablets serve", serving, tablets))
	}
	return rows.Err()
}

// Shard adds a keyspace of two shards, without tablets: vtgate knows it by the
// topology.
func (c *Cluster) Shard(t *testing.T, keyspace string) {
	t.Helper()
	for _, args := range [][]string{
		{"CreateKeyspace", "--durability-policy=semi_sync", keyspace},
		{"CreateShard", keyspace + "/-80"},
		{"CreateShard", keyspace + "/80-"},
		{"RebuildKeyspaceGraph", "--cells=" + cell, keyspace},
		{"ApplyVSchema", `--vschema={"sharded": true}`, keyspace},
	} {
		if err := c.ctl(args...); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("mysql", c.DSN(keyspace))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := await(db.PingContext, nil); err != nil { // vtgate knows it after a while
		t.Fatal(err)
	}
}

// Durability sets the policy that says which commits wait for a replica. VTOrc has
// the tablets follow it after some seconds.
func (c *Cluster) Durability(t *testing.T, policy string) {
	t.Helper()
	if err := c.ctl("SetKeyspaceDurabilityPolicy", "--durability-policy="+policy, Keyspace); err != nil {
		t.Fatal(err)
	}
}
