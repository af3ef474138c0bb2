package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// maxRanges is how many parts of a file one request may ask for. RFC 9110 section 14.2
// advises to ignore what asks for many: each part has a header of its own in the answer.
const maxRanges = 16

// byteRange is a part of a file, both ends included.
type byteRange struct{ first, last int64 }

// fitRange gives a request for a file of so many bytes the header Range that makes
// [http.ServeContent] answer as RFC 9110 section 14 says; by itself it refuses what is
// malformed or beyond 63 bits, answers 206 to the last zero bytes, and takes a range with
// HEAD. A header that is to be ignored is left out.
func fitRange(r *http.Request, size int64) *http.Request {
	header := r.Header.Get("Range")
	if header == "" {
		return r
	}
	fit := r.Clone(r.Context())
	fit.Header.Del("Range")
	if r.Method != http.MethodGet {
		return fit
	}
	parts, ok := parseRanges(header, size)
	switch {
	case !ok:
	case len(parts) == 0: // none can be satisfied: said in a form that ServeContent refuses
		fit.Header.Set("Range", fmt.Sprintf("bytes=%d-", size))
	default:
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = fmt.Sprintf("%d-%d", part.first, part.last)
		}
		fit.Header.Set("Range", "bytes="+strings.Join(texts, ","))
	}
	return fit
}

// parseRanges reads a header Range about a file of so many bytes, and returns the parts
// that there are; ok is false if it is to be ignored: it is malformed, in another unit or
// asks for too many.
func parseRanges(header string, size int64) (parts []byteRange, ok bool) {
	unit, set, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(unit, "bytes") {
		return nil, false
	}
	asked := 0
	for spec := range strings.SplitSeq(set, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" { // lists may have empty elements
			continue
		}
		if asked++; asked > maxRanges {
			return nil, false
		}
		part, satisfiable, valid := parseRange(spec, size)
		if !valid {
			return nil, false
		}
		if satisfiable {
			parts = append(parts, part)
		}
	}
	return parts, asked > 0
}

// parseRange reads "first-last", "first-" or "-length".
func parseRange(spec string, size int64) (part byteRange, satisfiable, valid bool) {
	from, to, found := strings.Cut(spec, "-")
	first, hasFirst := decimal(from)
	last, hasLast := decimal(to)
	switch {
	case !found || !hasFirst && from != "" || !hasLast && to != "" || !hasFirst && !hasLast:
		return part, false, false
	case !hasFirst: // the end of the file
		return byteRange{size - min(last, size), size - 1}, last > 0 && size > 0, true
	case !hasLast:
		last = size - 1
	case last < first:
		return part, false, false
	}
	return byteRange{first, min(last, size-1)}, first < size, true
}

// decimal reads a number of digits alone. What is too large for an int64 is the largest.
func decimal(text string) (n int64, ok bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, _ = strconv.ParseInt(text, 10, 64) // of what is too large, the largest
	return n, true
}

// rangeWriter keeps back the answer 416 of [http.ServeContent], for the API has error
// bodies of its own. The header with the size, Content-Range, is set.
type rangeWriter struct {
	*statusRecorder
	unsatisfiable bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if w.unsatisfiable = status == http.StatusRequestedRangeNotSatisfiable; !w.unsatisfiable {
		w.statusRecorder.WriteHeader(status)
	}
}

func (w *rangeWriter) Write(b []byte) (int, error) {
	if w.unsatisfiable {
		return len(b), nil
	}
	return w.statusRecorder.Write(b)
}

// err is what was kept back.
func (w *rangeWriter) err(size int64) error {
	if !w.unsatisfiable {
		return nil
	}
	return &api.MessageError{
		Code:    http.StatusRequestedRangeNotSatisfiable,
		Message: fmt.Sprintf("the range asks for nothing that is there: there are %d bytes", size),
	}
}

// wholeWriter says that ranges are not looked at (RFC 9110, section 14.3), where
// [http.ServeContent] says that they are.
type wholeWriter struct{ http.ResponseWriter }

func (w wholeWriter) WriteHeader(status int) {
	w.Header().Set("Accept-Ranges", "none")
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w wholeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
