package trillian

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	for _, spec := range strings.Fields(os.Getenv("ZZ")) { // conc:conns:maxconns:quota:interval:batch:leaves
		f := strings.Split(spec, ":")
		n := func(i int) int { v, _ := strconv.Atoi(f[i]); return v }
		t.Run(spec, func(t *testing.T) {
			c := Config{DSN: newDatabase(t), MaxConns: n(2), Args: []string{"--quota_system=" + f[3]}}
			server := StartLogServer(t, c)
			c.Args = append(c.Args, "--sequencer_interval="+f[4], "--batch_size="+f[5])
			if len(f) > 7 {
				c.MaxConns = n(7)
			}
			StartSigner(t, c)
			total := n(6)
			services := make([]*trilliansvc.Log, n(1))
			l := openLog(t, dial(t, trilliansvc.Options{Target: server.RPC}))
			services[0] = l
			for i := 1; i < n(1); i++ {
				o, err := dial(t, trilliansvc.Options{Target: server.RPC}).OpenLog(t.Context(), l.ID(), "")
				ok(t, err)
				services[i] = o
			}
			if _, err := MeasureSequencing(t.Context(), l, 300, 500, 64); err != nil {
				t.Fatal(err)
			}
			if n(1) == 1 {
				rate, err := MeasureSequencing(t.Context(), l, total, 500, n(0))
				fmt.Printf("ZZ %s: %.0f/s %v\n", spec, rate, err)
				return
			}
			var g errgroup.Group
			begin := time.Now()
			for _, s := range services {
				g.Go(func() error {
					ls := make([]trilliansvc.Leaf, 1)
					_ = ls
					return queueRandom(t.Context(), s, total/n(1), 500, n(0)/n(1))
				})
			}
			ok(t, g.Wait())
			queued := time.Since(begin)
			awaitSize(t, l, uint64(300+total/n(1)*n(1)))
			fmt.Printf("ZZ %s: %.0f/s queued in %v of %v\n", spec, float64(total)/time.Since(begin).Seconds(), queued, time.Since(begin))
		})
	}
}
