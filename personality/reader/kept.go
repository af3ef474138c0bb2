package reader

import (
	"sync/atomic"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// kept is what a reader keeps in memory. None of it ever goes stale: what is
// published below the length of a checkpoint does not change, whichever process
// published it. What is kept of a package log says up to which length it is known.
type kept struct {
	cache *cache.Cache
	// checkpoints are by log length. Their times and signatures are not read: they
	// are replaced when the registry is idle.
	checkpoints *cache.Map[uint64, store.Checkpoint]
	blocks      *cache.Map[blockName, *block]
	nodes       *cache.Map[nodeName, protocol.Hash]
	logs        *cache.Map[protocol.Hash, *keptLog]
	names       *cache.Map[protocol.Hash, string] // of published packages, by log id
	changes     changes
	blockMisses atomic.Uint32
}

func newKept(c *cache.Cache) kept {
	const hash = protocol.HashSize
	// Of what stands for one package each the tiles of the index save most, so the logs
	// have a part only.
	return kept{
		cache: c,
		checkpoints: cache.NewMap[uint64](c, 8, func(k store.Checkpoint) int64 {
			return int64(len(k.Roots))*hash + 200 // key id and signature
		}),
		blocks: cache.NewMap[blockName](c, 1, (*block).size),
		nodes:  cache.NewMap[nodeName](c, 4, func(protocol.Hash) int64 { return 0 }),
		logs:   cache.NewMap[protocol.Hash](c, 4, (*keptLog).size),
		names:  cache.NewMap[protocol.Hash](c, 8, func(name string) int64 { return int64(len(name)) }),
	}
}
