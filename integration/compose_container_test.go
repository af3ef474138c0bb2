package integration

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// container is a service of the compose file as a process on loopback: with the
// command, environment, mounted files and user that the file gives, and an
// address of its own, so that ports stay. Names of services become addresses,
// and paths that are mounted become paths below the stack's folder; nothing else
// is changed. The root file system is there for it, but as another user, so that
// it can write to no more than what the file gives it.
type container struct {
	stack   *stack
	service compose.ServiceConfig
	ip      string
	mounts  map[string]string // path in the container to real path

	process *exec.Cmd // nil when it does not run
	exited  chan error
	output  *output
}

// newContainer makes the container's part of the stack's folder: its volumes and
// its copies of mounted files.
func newContainer(t *testing.T, s *stack, service compose.ServiceConfig, ip string) *container {
	t.Helper()
	c := &container{stack: s, service: service, ip: ip, mounts: map[string]string{}, output: new(output)}
	// What the images bring.
	c.mounts["/usr/share/trillian/storage.sql"] = filepath.Join(s.dir, "storage.sql")
	for _, v := range service.Volumes {
		if v.Type == compose.VolumeTypeVolume {
			c.mounts[v.Target] = filepath.Join(s.dir, "volumes", v.Source)
			c.makeFolder(t, c.mounts[v.Target])
		} else {
			c.mounts[v.Target] = filepath.Join(s.dir, service.Name, v.Target)
		}
	}
	for _, mount := range service.Tmpfs {
		target, _, _ := strings.Cut(mount, ":")
		c.mounts[target] = filepath.Join(s.dir, service.Name, target)
		c.makeFolder(t, c.mounts[target])
	}
	return c
}

// makeFolder makes a folder that belongs to the container's user.
func (c *container) makeFolder(t *testing.T, dir string) {
	t.Helper()
	uid, gid, _ := userOf(t, c.service)
	err := os.MkdirAll(dir, 0o755)
	if os.Getuid() == 0 {
		err = errors.Join(err, os.Chown(dir, int(uid), int(gid)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyMounts copies mounted files, with addresses and paths replaced. It is
// called once all containers have theirs.
func (c *container) copyMounts(t *testing.T) {
	t.Helper()
	for _, v := range c.service.Volumes {
		if v.Type != compose.VolumeTypeBind {
			continue
		}
		err := filepath.WalkDir(v.Source, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			target := filepath.Join(c.mounts[v.Target], strings.TrimPrefix(path, v.Source))
			return errors.Join(
				os.MkdirAll(filepath.Dir(target), 0o755),
				os.WriteFile(target, []byte(c.rewrite(string(text))), 0o644))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// rewrite replaces addresses and paths.
func (c *container) rewrite(text string) string {
	text = c.stack.names.ReplaceAllStringFunc(text, func(match string) string {
		m := c.stack.names.FindStringSubmatch(match)
		return m[1] + c.stack.addresses[m[2]] + m[3]
	})
	text = strings.NewReplacer("0.0.0.0", c.ip, "127.0.0.1", c.ip).Replace(text)
	var paths []string
	for path := range c.mounts {
		paths = append(paths, regexp.QuoteMeta(path))
	}
	slices.SortFunc(paths, func(a, b string) int { return len(b) - len(a) })
	mounted := regexp.MustCompile(`(^|[^\w./-])(` + strings.Join(paths, "|") + `)`)
	return mounted.ReplaceAllStringFunc(text, func(match string) string {
		m := mounted.FindStringSubmatch(match)
		return m[1] + c.mounts[m[2]]
	})
}

// serviceNames matches a service with its port, and one that stands alone.
func serviceNames(names []string) *regexp.Regexp {
	slices.Sort(names)
	return regexp.MustCompile(`(^|[^\w./-]|//)(` + strings.Join(names, "|") + `)(:\d+|$)`)
}

// command is a process in the container: its program is taken from those that
// the images have.
func (c *container) command(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	program := c.stack.program(t, argv[0])
	process := exec.Command(program)
	process.Args = argv[:1:1]
	for _, argument := range argv[1:] {
		process.Args = append(process.Args, c.rewrite(argument))
	}
	process.Dir = c.stack.dir
	process.Env = []string{"PATH=" + c.stack.path(), "HOME=/"} // as Docker sets it for users that have none
	for name, value := range c.service.Environment {
		if value != nil {
			process.Env = append(process.Env, name+"="+c.rewrite(*value))
		}
	}
	process.Stdout, process.Stderr = c.output, c.output
	process.SysProcAttr = &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		uid, gid, _ := userOf(t, c.service)
		process.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return process
}

// begin starts the container; a job must then end well, another service must
// become healthy.
func (c *container) begin(t *testing.T) {
	t.Helper()
	argv := slices.Concat(c.service.Entrypoint, c.service.Command)
	if len(argv) == 0 {
		t.Fatalf("service %s has no command", c.service.Name)
	}
	if c.service.Name == "mariadb" {
		argv = c.asMariaDBImage(t, argv)
	}
	process := c.command(t, argv...)
	if err := process.Start(); err != nil {
		t.Fatalf("service %s: %s: %v", c.service.Name, process, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- process.Wait() }()
	if isJob(c.service) {
		select {
		case err := <-exited:
			if err != nil {
				t.Fatalf("service %s: %v\n%s", c.service.Name, err, c.output)
			}
		case <-time.After(startTimeout):
			process.Process.Kill()
			t.Fatalf("service %s has not ended after %v\n%s", c.service.Name, startTimeout, c.output)
		}
		return
	}
	c.process, c.exited = process, exited
	c.awaitHealthy(t)
}

// asMariaDBImage does what the entrypoint of MariaDB's image does before it runs
// the server: it prepares an empty volume, with a password for root, and has the
// configuration read that is mounted.
func (c *container) asMariaDBImage(t *testing.T, argv []string) []string {
	t.Helper()
	data := c.rewrite("/var/lib/mysql")
	argv = slices.Insert(slices.Clone(argv), 1, "--defaults-file=/etc/mysql/conf.d/warg.cnf")
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		return argv
	}
	install := c.command(t, "mariadb-install-db", "--no-defaults", "--datadir=/var/lib/mysql", "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=256M")
	if err := install.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", install, err, c.output)
	}
	password := *c.service.Environment["MARIADB_ROOT_PASSWORD"]
	const file = "/run/mysqld/root.sql"
	statements := "DROP USER IF EXISTS root@'127.0.0.1', root@'::1';\n" +
		"ALTER USER root@localhost IDENTIFIED BY '" + password + "';\n" +
		"CREATE USER root@'%' IDENTIFIED BY '" + password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n"
	if err := os.WriteFile(c.rewrite(file), []byte(statements), 0o644); err != nil {
		t.Fatal(err)
	}
	return append(argv, "--init-file="+file)
}

// awaitHealthy runs the health check as Docker does while a service starts, and
// fails the test if the service ends or does not become healthy.
func (c *container) awaitHealthy(t *testing.T) {
	t.Helper()
	check := c.service.HealthCheck
	patience := time.Duration(*check.StartPeriod) + time.Duration(*check.Retries)*time.Duration(*check.Interval)
	deadline := time.Now().Add(patience)
	for {
		said, err := c.healthy(t)
		if err == nil {
			return
		}
		select {
		case ended := <-c.exited:
			c.process = nil
			t.Fatalf("service %s has ended: %v\n%s", c.service.Name, ended, c.output)
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("service %s is not healthy after %v: %v %s\n%s", c.service.Name, patience, err, said, c.output)
		}
	}
}

// healthy runs the health check once.
func (c *container) healthy(t *testing.T) (said string, err error) {
	t.Helper()
	check := c.service.HealthCheck
	argv := slices.Clone(check.Test[1:])
	if check.Test[0] == "CMD-SHELL" {
		argv = []string{"sh", "-c", check.Test[1]}
	}
	process := c.command(t, argv...)
	var text bytes.Buffer
	process.Stdout, process.Stderr = &text, &text
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(*check.Timeout), func() { process.Process.Kill() })
	defer timer.Stop()
	err = process.Wait()
	return text.String(), err
}

// endBySignal are services whose program does nothing when it is asked to stop, and so
// ends as by a crash. What they store is on disk before they answer.
var endBySignal = []string{"witness"}

// stop asks the container to stop, and gives it as long as the file says. It
// must end well.
func (c *container) stop(t *testing.T) {
	t.Helper()
	patience := 10 * time.Second // Docker's own
	if c.service.StopGracePeriod != nil {
		patience = time.Duration(*c.service.StopGracePeriod)
	}
	c.end(t, syscall.SIGTERM, patience, func(err error) bool {
		if slices.Contains(endBySignal, c.service.Name) {
			var exit *exec.ExitError
			return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM
		}
		return err == nil
	})
}

// kill ends the container at once, as a crash does.
func (c *container) kill(t *testing.T) {
	t.Helper()
	c.end(t, syscall.SIGKILL, 10*time.Second, func(error) bool { return true })
}

func (c *container) end(t *testing.T, sig os.Signal, patience time.Duration, well func(error) bool) {
	t.Helper()
	process := c.process
	c.process = nil
	if err := process.Process.Signal(sig); err != nil {
		t.Errorf("service %s ended by itself: %v\n%s", c.service.Name, err, c.output)
		return
	}
	select {
	case err := <-c.exited:
		if !well(err) {
			t.Errorf("service %s stopped with %v\n%s", c.service.Name, err, c.output)
		}
	case <-time.After(patience):
		process.Process.Kill()
		<-c.exited
		t.Errorf("service %s has not stopped after %v", c.service.Name, patience)
	}
}
