package objects

import (
	"errors"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Client is the client of the bucket, or nil if it is not one of S3.
func (b *Bucket) s3Client() *s3.Client {
	var client *s3.Client
	b.bucket.As(&client)
	return client
}

// sendInParts has an upload to S3 go in parts as soon as there is more than one. By
// default the library has the first 16 MiB in memory, and several copies of them, to see
// whether that is all. An upload that ends before its time is ended in the bucket, too,
// within timeout.
func sendInParts(client *s3.Client, timeout time.Duration) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var manager *transfermanager.Client
		if !as(&manager) {
			return errors.New("the library of S3 uploads in another way")
		}
		*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
			o.PartSizeBytes = partSize
			o.MultipartUploadThreshold = partSize
			o.Concurrency = partsInFlight
			o.FailTimeout = timeout
			o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
		})
		return nil
	}
}

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
