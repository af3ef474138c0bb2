package ociimage

import (
	"bufio"
	"errors"
	"io"
)

// errMalformed says that the input is not a component as it should be, or is beyond the
// bounds. It does not leave this package.
var errMalformed = errors.New("malformed component")

// source reads the sections of a component one after the other.
type source struct {
	buffer *bufio.Reader
	seeker io.Seeker // below the buffer; nil if it can not seek
}

// section reads the head of the next section: its id, and how many bytes follow.
// [io.EOF] if there is none.
func (s *source) section() (id byte, size uint32, err error) {
	if id, err = s.buffer.ReadByte(); err != nil {
		return 0, 0, err
	}
	for shift := 0; shift < 35; shift += 7 {
		b, err := s.buffer.ReadByte()
		if err != nil {
			return 0, 0, malformedEnd(err)
		}
		size |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return id, size, nil
		}
	}
	return 0, 0, errMalformed
}

// take reads that many bytes.
func (s *source) take(size uint32) ([]byte, error) {
	// The size is what the input claims: a buffer grows with what comes.
	body, err := io.ReadAll(io.LimitReader(s.buffer, int64(size)))
	if err == nil && len(body) < int(size) {
		err = errMalformed
	}
	return body, err
}

// skip goes beyond that many bytes. Those that are missing at the end of the input are not
// missed: a seeker does not notice, and others must not describe it differently.
func (s *source) skip(size uint32) error {
	if buffered := s.buffer.Buffered(); s.seeker != nil && int64(size) > int64(buffered) {
		if _, err := s.seeker.Seek(int64(size)-int64(buffered), io.SeekCurrent); err != nil {
			return err
		}
		s.buffer.Reset(s.seeker.(io.Reader))
		return nil
	}
	_, err := io.CopyN(io.Discard, s.buffer, int64(size))
	return endOfInput(err)
}

// malformedEnd takes an end of the input for a malformed component.
func malformedEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errMalformed
	}
	return err
}
