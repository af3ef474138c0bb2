package content

import (
	"fmt"
	"math"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// committedAtOnce is how many bytes more of a linear memory may be used at a time. Who
// begins has so many: the validator's own needs about a third.
const committedAtOnce = int(smallMemory)

// linearMemory is the memory of one instance. Addresses for all that it may have are
// reserved, and pages are taken when they are first touched: growing neither copies nor
// leaves garbage, which would be several times what is used, and the end of the instance
// gives all of it back to the system. It belongs to one goroutine.
type linearMemory struct {
	reserved  []byte // nil once it is freed
	committed int    // bytes from the beginning that may be touched
	refused   bool   // more than was reserved was asked for
}

// reserveMemory reserves a memory of at most limit bytes. To be freed.
func reserveMemory(limit int64) (*linearMemory, error) {
	if limit < smallMemory || limit > math.MaxInt {
		return nil, fmt.Errorf("a memory of %d bytes cannot be had here", limit)
	}
	// What cannot be touched does not count towards what the system has promised.
	reserved, err := syscall.Mmap(-1, 0, int(limit), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	m := &linearMemory{reserved: reserved}
	if err := m.commit(committedAtOnce); err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// commit makes the first size bytes, at least, fit for use.
func (m *linearMemory) commit(size int) error {
	if size <= m.committed {
		return nil
	}
	steps := (size + committedAtOnce - 1) / committedAtOnce
	upTo := min(steps*committedAtOnce, len(m.reserved))
	if err := syscall.Mprotect(m.reserved[:upTo], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		return err
	}
	m.committed = upTo
	return nil
}

// Allocate implements [experimental.MemoryAllocator].
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements [experimental.LinearMemory].
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.reserved)) {
		m.refused = true
		return nil
	}
	if err := m.commit(int(size)); err != nil {
		return nil // the instance sees that it has no more
	}
	return m.reserved[:size]
}

// Free implements [experimental.LinearMemory]. It may be called again.
func (m *linearMemory) Free() {
	if m.reserved != nil {
		syscall.Munmap(m.reserved)
		m.reserved, m.committed = nil, 0
	}
}
