package publisher

import (
	"context"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// republishDue tells whether the newest checkpoint is to be signed with a new time.
func (i *integrator) republishDue() bool {
	contents := i.base.Signed.Contents
	return contents.LogLength > 0 && i.p.options.Now().Sub(time.Unix(int64(contents.Timestamp), 0)) >= i.p.options.RepublishInterval
}

// republish signs the newest checkpoint again with the present time, so that
// readers see that the registry lives. [store.ErrSuperseded] if another process was
// faster.
func (i *integrator) republish(ctx context.Context) error {
	contents := i.base.Signed.Contents
	contents.Timestamp = i.p.timestamp(contents.Timestamp)
	if contents == i.base.Signed.Contents {
		return nil // it is still the same second
	}
	signed, err := i.p.sign(contents, i.permitted)
	if err != nil {
		return err
	}
	err = i.p.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := replaceNewest(tx, i.base, lengthOf(i.base)); err != nil {
			return err
		}
		return tx.RepublishCheckpoint(signed)
	})
	if err == nil {
		i.base.Signed, i.published = signed, i.p.options.Now()
	}
	return err
}
