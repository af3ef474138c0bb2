package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// ErrNewer says that a witness has cosigned more of a log than is known here, or another
// log.
var ErrNewer = errors.New("a witness has seen more than is here")

// AskNewest asks a witness whether it has cosigned more of a log than the signed note of a
// size says: it is asked to cosign that note, as behind itself. [ErrNewer] if it has, or has
// another root at that size; other errors say that it is not known.
func AskNewest(ctx context.Context, client *http.Client, w witness.Witness, note []byte, size uint64) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	body := fmt.Appendf(nil, "old %d\n\n%s", size, note)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(w.URL, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, witness.MaxAnswer))
	if err != nil {
		return fmt.Errorf("its answer breaks off: %w", err)
	}
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusConflict && isSize(response.Header):
		seen, err := parseSize(answer)
		switch {
		case err != nil:
			return err
		case seen > size:
			return fmt.Errorf("%w: it has cosigned %d leaves, and %d are here", ErrNewer, seen, size)
		}
		return nil // it has seen less
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it has another root at %d leaves (status %d)", ErrNewer, size, status)
	default:
		return fmt.Errorf("it answers with status %d", status)
	}
}
