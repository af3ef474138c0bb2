package admission

import "context"

// Count counts now what [Admission.Run] counts every now and then.
func (a *Admission) Count(ctx context.Context) error {
	_, err := a.count(ctx)
	return err
}
