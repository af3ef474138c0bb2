package objects

import (
	"io"

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
	if client := b.s3Client(); client != nil {
		o.BeforeWrite = sendInParts(client, b.timeout)
	}
	return o
}

// bufferSize is the size of the buffers that r is sent from, in bytes. Libraries make the
// buffer first and fill it then, so what is known to be small gets a small one; with room
// for more, by which they see that there is no more, and one request will do.
func bufferSize(r io.Reader) int {
	sized, ok := r.(interface{ Size() int64 })
	if ok && sized.Size() < partSize {
		return int(sized.Size()) + 1
	}
	return partSize
}
