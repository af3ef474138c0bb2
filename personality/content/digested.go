package content

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// digested compares what is read of a content with its digest, if all of it is read in
// turn from the beginning; a part is what it is. Its errors are [*DamagedError].
type digested struct {
	digest protocol.Hash
	size   int64
	hash   hash.Hash // of the bytes before hashed
	hashed int64     // how many they are
}

func newDigested(digest protocol.Hash, size int64) digested {
	return digested{digest: digest, size: size, hash: sha256.New()}
}

// read takes the bytes at an offset. It fails in the place of the last of them, if they
// have another digest together.
func (d *digested) read(offset int64, p []byte) error {
	if d.hashed != offset || len(p) == 0 {
		return nil
	}
	d.hash.Write(p)
	if d.hashed += int64(len(p)); d.hashed < d.size {
		return nil
	}
	if actual := protocol.Hash(d.hash.Sum(nil)); actual != d.digest {
		return &DamagedError{d.digest, fmt.Sprintf("its bytes have the digest %s", actual)}
	}
	return nil
}

// endsAfter is the error of a content of which there is no more than n bytes.
func (d *digested) endsAfter(n int64) error {
	return &DamagedError{d.digest, fmt.Sprintf("it ends after %d bytes of %d", n, d.size)}
}

// canBe reports whether as many bytes can be the content with a digest. What is empty, as
// files are that a disk has lost, is served whole without a byte being read: it is no
// content, so that whoever has the bytes can store them again.
func canBe(digest protocol.Hash, size int64) bool {
	return size != 0 || digest == emptyDigest
}

var emptyDigest = protocol.HashOf(nil)
