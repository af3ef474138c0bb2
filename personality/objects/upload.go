package objects

import (
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
)

// Of an upload to a bucket, so much is in memory: parts of the least size that S3 takes,
// of which one is sent while the next is read.
const (
	partSize      = 5 << 20 // bytes
	partsInFlight = 1
)

// uploadOptions are how an object of what r gives is written.
func (b *Bucket) uploadOptions(r io.Reader) *blob.WriterOptions {
	o := &blob.WriterOptions{
		ContentType: contentType, CacheControl: b.cacheControl,
		BufferSize: bufferSize(r), MaxConcurrency: partsInFlight,
	}
	var client *s3.Client
	if b.bucket.As(&client) {
		o.BeforeWrite = func(as func(any) bool) error { return useParts(as, client, b.timeout) }
	}
	return o
}

// bufferSize is the size of the buffers that r is sent from, in bytes. What is known to be
// small gets one that it fits in with room for more, by which the libraries see that there
// is no more and need one request: they make the buffer first, and fill it then.
func bufferSize(r io.Reader) int {
	sized, ok := r.(interface{ Size() int64 })
	if ok && sized.Size() < partSize {
		return int(sized.Size()) + 1
	}
	return partSize
}

// useParts has an upload to S3 go in parts as soon as there is more than one. By default
// the library has the first 16 MiB in memory, and several copies of them, to see whether
// that is all. What it has begun it ends for this long if the upload ends before its time.
func useParts(as func(any) bool, client *s3.Client, atMost time.Duration) error {
	var manager *transfermanager.Client
	if !as(&manager) {
		return errors.New("the library of S3 uploads in another way")
	}
	*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes = partSize
		o.MultipartUploadThreshold = partSize
		o.Concurrency = partsInFlight
		o.FailTimeout = atMost
		o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
	})
	return nil
}
