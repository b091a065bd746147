package ids

import (
	"testing"
	"time"
)

func TestIDsGrowAndSayWhenTheyWereMade(t *testing.T) {
	generator, before, last := NewGenerator(), time.Now().Add(-time.Millisecond), ""
	for range 1_000 { // more than a millisecond has
		id := generator.Next()
		if id <= last || !IsValid(id) {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	if made := TimeOf(last); made.Before(before) || made.After(time.Now().Add(time.Second)) {
		t.Fatalf("%s was made at %s", last, made)
	}
	if earlier := Before(last, time.Minute); earlier >= last || TimeOf(last).Sub(TimeOf(earlier)) != time.Minute {
		t.Fatalf("%s is not a minute before %s", earlier, last)
	}
}

func TestWhatIsNoIDIsRefused(t *testing.T) {
	for _, wrong := range []string{"", "x", "-1", "1.0", "१", "1111111111111111111", "000000000000000000001"} {
		if IsValid(wrong) {
			t.Errorf("%q", wrong)
		}
	}
	if id, _ := Normalize("42"); id != "000000000000000042" {
		t.Error(id)
	}
}
