package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// actor does something to a folder that others use too. It stops before each of its
// steps until it is told to go on.
type actor struct {
	at   chan string   // names the step that it is about to do; closed when it is done
	step chan struct{} // lets it do that step
}

// pause is a step's beginning.
func (a *actor) pause(what string) {
	a.at <- what
	<-a.step
}

// pausingFiles are those of an actor. Touching takes two steps, as it does in a kernel:
// the name is looked up, and then the file is changed, whatever its name is now.
type pausingFiles struct {
	osFiles
	a *actor
}

func (p *pausingFiles) Stat(path string) (fs.FileInfo, error) {
	p.a.pause("stat")
	return p.osFiles.Stat(path)
}

func (p *pausingFiles) Touch(path string, modified time.Time) error {
	if strings.HasPrefix(filepath.Base(path), "upload-") {
		return p.osFiles.Touch(path, modified) // nobody else knows the name
	}
	p.a.pause("touch: look up")
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	p.a.pause("touch: change")
	return os.Chtimes(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), time.Time{}, modified)
}

// OpenFile opens a folder to list it, which is done in the same step.
func (p *pausingFiles) OpenFile(path string, flag int) (*os.File, error) {
	p.a.pause("list")
	return p.osFiles.OpenFile(path, flag)
}

func (p *pausingFiles) Rename(from, to string) error {
	p.a.pause("rename")
	return p.osFiles.Rename(from, to)
}

func (p *pausingFiles) Remove(path string) error {
	if strings.HasPrefix(filepath.Base(path), "upload-") {
		return p.osFiles.Remove(path)
	}
	p.a.pause("remove")
	return p.osFiles.Remove(path)
}

func (p *pausingFiles) SyncFolder(string) error { return nil } // nothing that others see

// world is one content in a folder, old and not named, and what is promised of it.
type world struct {
	digest   protocol.Hash
	data     []byte
	named    bool // by a committed record
	promised bool // named by one who found it, or has stored it
	removed  int
}

type deed func(w *world, f *Folder, a *actor) error

// collecting collects, and asks the world what is named.
func collecting(w *world, f *Folder, a *actor) error {
	n, err := f.Collect(context.Background(), time.Hour, func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
		a.pause("ask")
		return map[protocol.Hash]bool{w.digest: w.named}, nil
	})
	w.removed += n
	return err
}

// posting names the content if it is there.
func posting(w *world, f *Folder, a *actor) error {
	found, err := f.Hold(context.Background(), w.digest)
	if found {
		a.pause("commit")
		w.named, w.promised = true, true
	}
	return err
}

// uploading stores the content and names it.
func uploading(w *world, f *Folder, a *actor) error {
	_, err := f.Put(context.Background(), w.digest, bytes.NewReader(w.data), nil)
	if err == nil {
		a.pause("commit")
		w.named, w.promised = true, true
	}
	return err
}

func sweeping(_ *world, f *Folder, _ *actor) error {
	_, err := f.SweepUploads(context.Background(), time.Hour)
	return err
}

// play lets actors do their deeds on a fresh world, one step at a time. choose says
// which of n actors goes next. It returns what was done, in order.
func play(t *testing.T, base string, deeds []deed, choose func(n int) int) (w *world, log []string, f *Folder) {
	t.Helper()
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		t.Fatal(err)
	}
	f = &Folder{dir: dir, files: filepath.Join(dir, "files"), tmp: filepath.Join(dir, "tmp"), fs: osFiles{}}
	for _, d := range []string{f.files, f.tmp} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w = &world{data: []byte("data")}
	w.digest = protocol.HashOf(w.data)
	if err := os.WriteFile(f.path(w.digest), w.data, 0o644); err != nil {
		t.Fatal(err)
	}
	makeOld(t, f, w.digest)

	type running struct {
		*actor
		number int
		next   string
	}
	var actors []*running
	errs := make([]error, len(deeds))
	for i, deed := range deeds {
		a := &actor{at: make(chan string), step: make(chan struct{})}
		own := *f
		own.fs = &pausingFiles{a: a}
		go func() {
			defer close(a.at)
			errs[i] = deed(w, &own, a)
		}()
		if next, ok := <-a.at; ok {
			actors = append(actors, &running{a, i, next})
		}
	}
	for len(actors) > 0 {
		i := choose(len(actors))
		a := actors[i]
		log = append(log, fmt.Sprintf("%d %s", a.number, a.next))
		a.step <- struct{}{}
		var ok bool
		if a.next, ok = <-a.at; !ok {
			actors = slices.Delete(actors, i, i+1)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Errorf("%q: %v", log, err)
	}
	return w, log, f
}

// judge says whether the promises were kept.
func judge(t *testing.T, w *world, log []string, f *Folder) {
	t.Helper()
	found, err := f.Has(t.Context(), w.digest)
	if err != nil {
		t.Fatal(err)
	}
	if w.promised && !found {
		t.Errorf("content that a record names was removed: %q", log)
	}
	if left := names(t, f.tmp); len(left) > 0 {
		t.Errorf("left behind: %q after %q", left, log)
	}
	if !found && w.removed == 0 {
		t.Errorf("content is gone, and nobody has removed it: %q", log)
	}
}

// Every order of the steps of two who use one folder, and many orders of three.
func TestCollectInterleaved(t *testing.T) {
	for name, deeds := range map[string][]deed{
		"a post":                               {collecting, posting},
		"an upload":                            {collecting, uploading},
		"a sweep":                              {collecting, sweeping},
		"another collection":                   {collecting, collecting},
		"another collection and a post":        {collecting, collecting, posting},
		"another collection and an upload":     {collecting, collecting, uploading},
		"a sweep and a post":                   {collecting, sweeping, posting},
		"a post and an upload":                 {collecting, posting, uploading},
		"a sweep and an upload":                {collecting, sweeping, uploading},
		"a sweep, another collection, a post":  {collecting, collecting, sweeping, posting},
		"an upload, another collection, posts": {collecting, collecting, uploading, posting, posting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcomes := map[bool]int{}
			run := everyOrder
			if len(deeds) > 2 {
				run = someOrders
			}
			base := t.TempDir()
			run(func(choose func(n int) int) bool {
				w, log, f := play(t, base, deeds, choose)
				judge(t, w, log, f)
				outcomes[w.removed > 0]++
				os.RemoveAll(f.dir)
				return !t.Failed()
			})
			if outcomes[true] == 0 {
				t.Errorf("nothing was ever removed, in %d orders", outcomes[false])
			}
			t.Logf("%d orders in which it was removed, %d in which it was not", outcomes[true], outcomes[false])
		})
	}
}

// everyOrder runs until all sequences of choices have been made.
func everyOrder(run func(choose func(n int) int) bool) {
	var chosen, most []int
	for {
		depth := 0
		if !run(func(n int) int {
			if depth == len(chosen) {
				chosen, most = append(chosen, 0), append(most, n)
			}
			depth++
			return chosen[depth-1]
		}) {
			return
		}
		for len(chosen) > 0 && chosen[len(chosen)-1] == most[len(most)-1]-1 {
			chosen, most = chosen[:len(chosen)-1], most[:len(most)-1]
		}
		if len(chosen) == 0 {
			return
		}
		chosen[len(chosen)-1]++
	}
}

// someOrders runs a number of random sequences of choices, always the same ones.
func someOrders(run func(choose func(n int) int) bool) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		if !run(random.IntN) {
			return
		}
	}
}
