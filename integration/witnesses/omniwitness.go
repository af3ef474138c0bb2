package witnesses

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// KeyType is what a witness signs with.
type KeyType int

const (
	Ed25519 KeyType = iota // cosignatures of type 0x04
	MLDSA44                // of type 0x06
)

// RunOmniwitness starts an omniwitness with new keys and no state, in a folder, which
// must exist. With several keys it answers with several cosignatures. It reads no
// request of more than 16 KiB, and answers 429 while it is busy with another one, be it
// of another log.
func RunOmniwitness(dir, name string, keys []KeyType, logs ...Log) (*Witness, error) {
	path, err := tools.Path("omniwitness")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w := &Witness{Name: name, URL: "http://" + address, dir: dir}
	o := &omniwitness{Witness: w}
	w.addLogs, w.size = o.addLogs, o.size
	w.process = &process{path: path, ready: w.answers, args: []string{
		"--listen=" + address, "--metrics_listen=", "--db_file=" + w.database(), "--additional_logs=" + o.logsFile(),
	}}
	for i, key := range keys {
		private, err := o.generateKey(i, key)
		if err != nil {
			return nil, err
		}
		w.process.args = append(w.process.args, "--private_key_path="+private)
	}
	if err := o.writeLogs(logs); err != nil {
		return nil, err
	}
	if err := w.Start(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// omniwitness is what a witness of this kind does differently.
type omniwitness struct {
	*Witness
	logs []omniLog
}

// omniLog is a log in its YAML file.
type omniLog struct {
	Origin    string `yaml:"Origin"`
	PublicKey string `yaml:"PublicKey"`
	URL       string `yaml:"URL"`
}

func (o *omniwitness) logsFile() string { return filepath.Join(o.dir, "logs.yaml") }

// generateKey makes the files of a key and returns the path of the private one.
func (o *omniwitness) generateKey(number int, key KeyType) (private string, err error) {
	path, err := tools.Path("generate_keys")
	if err != nil {
		return "", err
	}
	private = filepath.Join(o.dir, "key"+strconv.Itoa(number))
	public := private + ".pub"
	c := exec.Command(path, "-origin="+o.Name, "-out_priv="+private, "-out_pub="+public, "-mldsa="+strconv.FormatBool(key == MLDSA44))
	if output, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c, err, output)
	}
	vkey, err := os.ReadFile(public)
	if err != nil {
		return "", err
	}
	o.vkeys = append(o.vkeys, strings.TrimSpace(string(vkey)))
	return private, nil
}

func (o *omniwitness) writeLogs(logs []Log) error {
	for _, log := range logs {
		o.logs = append(o.logs, omniLog{log.Origin, log.VKey, log.URL})
	}
	text, err := yaml.Marshal(map[string][]omniLog{"Logs": o.logs})
	if err != nil {
		return err
	}
	return os.WriteFile(o.logsFile(), text, 0o644)
}

// addLogs starts it again if it runs: it reads its file when it starts.
func (o *omniwitness) addLogs(logs []Log) error {
	if err := o.writeLogs(logs); err != nil {
		return err
	}
	if o.process.running == nil {
		return nil
	}
	if err := o.Stop(); err != nil {
		return err
	}
	return o.Start()
}

// size looks for the log's checkpoint among all: they are stored under a hash that is
// omniwitness's own.
func (o *omniwitness) size(origin string) (size uint64, err error) {
	err = o.withDatabase(func(db *sql.DB) error {
		rows, err := db.Query(`SELECT chkpt FROM chkpts`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var checkpoint string
			if err := rows.Scan(&checkpoint); err != nil {
				return err
			}
			lines := strings.SplitN(checkpoint, "\n", 3)
			if len(lines) != 3 || lines[0] != origin {
				continue
			}
			if size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return size, err
}
