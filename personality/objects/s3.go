package objects

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
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

// readerOptions are how objects are read.
func (b *Bucket) readerOptions() *blob.ReaderOptions {
	if b.s3Client() == nil {
		return nil
	}
	return &blob.ReaderOptions{BeforeRead: readQuietly}
}

// readQuietly has the library not print, for each object that was sent in parts, that it
// compares no checksum: whoever reads contents compares their digest.
func readQuietly(as func(any) bool) error {
	var options *[]func(*s3.Options)
	if !as(&options) {
		return errors.New("the library of S3 reads in another way")
	}
	*options = append(*options, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
	return nil
}
