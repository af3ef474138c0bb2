// Package grafana checks dashboards against Grafana's schema, which Grafana's own library
// knows. Whether their queries name metrics that there are, package integration checks.
package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

const dashboards = "../../config/stack/grafana/dashboards/*.json"

// check checks every member by the schema: those that it does not know, and those that
// it demands and are not there, are faults, in the options of each kind of panel and in
// the queries as well.
func check(text []byte) error {
	//lint:ignore SA1019 ours are of this schema, which Grafana 12 provisions
	var strict, d dashboard.Dashboard // the first is left without its panels
	err := strict.UnmarshalJSONStrict(text)
	if faults, ok := errors.AsType[cog.BuildErrors](err); !ok || len(faults) > 0 { // without faults it is one of none
		return err
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue // a row
		}
		if _, known := cog.NewRuntime().ConfigForPanelcfgVariant(p.Panel.Type); !known {
			return fmt.Errorf("panels of type %s are not checked: add the type to TestDashboards", p.Panel.Type)
		}
	}
	return d.Validate()
}

func TestDashboards(t *testing.T) {
	known := cog.NewRuntime() // one for all; those that are not used would take a minute to compile
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	files, err := filepath.Glob(dashboards)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(text); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
		// The check is worth something only if it finds what is wrong.
		for _, wrong := range [][2]string{
			{`"gridPos"`, `"gridPosition"`},
			{`"expr"`, `"expression"`},
			{`"calcs"`, `"calculations"`},
			{`"mode": "thresholds"`, `"mode": 7`},
			{`"id": 1,`, `"id": "one",`},
			{`"type": "stat"`, `"type": "state"`},
		} {
			changed := bytes.Replace(text, []byte(wrong[0]), []byte(wrong[1]), 1)
			if bytes.Equal(changed, text) {
				t.Errorf("%s has no %s", file, wrong[0])
			} else if check(changed) == nil {
				t.Errorf("%s: nothing is said against %s in place of %s", file, wrong[1], wrong[0])
			}
		}
	}
}
