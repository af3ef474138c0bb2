package limits

import "testing"

func TestSlots(t *testing.T) {
	s := NewSlots("uploads", 3, 2)
	take := func(client int) (free func()) {
		t.Helper()
		free, err := s.Take(address(client))
		if err != nil {
			t.Fatalf("client %d: %v", client, err)
		}
		return free
	}
	refused := func(client, status int) {
		t.Helper()
		_, err := s.Take(address(client))
		if r := refusal(t, err); r.Status != status || r.RetryAfter == 0 {
			t.Errorf("client %d: %+v", client, r)
		}
	}
	for range 3 {
		a, b := take(1), take(1)
		refused(1, 429)
		c := take(2)
		refused(2, 503)
		refused(3, 503)
		a()
		a() // once only
		d := take(3)
		refused(3, 503)
		b()
		c()
		d()
		if s.open != 0 || len(s.clients) != 0 {
			t.Errorf("nothing is open, and %d of %d clients are counted", s.open, len(s.clients))
		}
	}
	// Those who are not counted have the total alone.
	for range 3 {
		if _, err := s.Take(anybody); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Take(anybody); err == nil {
		t.Error("more than the total is open")
	}
	if free, err := NewSlots("uploads", 0, 0).Take(address(1)); err != nil {
		t.Error(err)
	} else {
		free()
	}
}
