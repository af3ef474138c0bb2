package witnesses

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Answer is what a witness has answered.
type Answer struct {
	Status      int
	ContentType string
	Body        string
}

// AddCheckpoint pushes a signed checkpoint to the witness, with the size of the one
// before and the proof that it contains that, whether they fit or not. An error says
// that there was no answer. Source: c2sp.org/tlog-witness, "add-checkpoint".
func (w *Witness) AddCheckpoint(ctx context.Context, old uint64, proof []protocol.Hash, note []byte) (Answer, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, hash := range proof {
		fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(hash[:]))
	}
	fmt.Fprintf(&body, "\n%s", note)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", &body)
	if err != nil {
		return Answer{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Answer{}, err
	}
	return Answer{response.StatusCode, response.Header.Get("Content-Type"), string(text)}, nil
}
