package witnesses

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// startAgent makes a key and serves it at a Unix socket as ssh-agent does, until
// [Witness.Close]. ssh-agent itself would outlive a test that is killed: it runs with
// the rights of a group of its own, and for such programs the kernel does not do what
// ends the other processes. It returns the fingerprint of the key, "SHA256:<base64>".
func (w *Witness) startAgent(socket string) (fingerprint string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: private, Comment: w.Name}); err != nil {
		return "", err
	}
	w.agent, err = net.Listen("unix", socket)
	if err != nil {
		return "", fmt.Errorf("serve the key of the witness %s: %w", w.Name, err)
	}
	go serveAgent(w.agent, keys)
	return ssh.FingerprintSHA256(key), nil
}

// serveAgent returns when the listener is closed. A connection ends with the witness
// that has made it.
func serveAgent(l net.Listener, keys agent.Agent) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			agent.ServeAgent(keys, conn) // the error is that the witness has hung up
		}()
	}
}
