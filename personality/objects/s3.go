package objects

import "net/url"

// quietS3 has checksums of S3 compared only where S3 demands it, unless the URL says
// otherwise: contents are compared with their digests, and the library prints a line of
// its own on standard error, among those of the log, whenever a server sends none.
func quietS3(u *url.URL) *url.URL {
	const key = "response_checksum_validation"
	q := u.Query()
	if q.Has(key) {
		return u
	}
	q.Set(key, "when_required")
	quiet := *u
	quiet.RawQuery = q.Encode()
	return &quiet
}
