package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"microgram/guests/go/accounts"
	"microgram/guests/go/inbox"
	"microgram/guests/go/sidecar/sidecartest"
)

func TestOnlyADeletionThatAuthConfirmsErases(t *testing.T) {
	for name, each := range map[string]struct {
		confirmed []string
		data      string
		erased    int
		isPoison  bool
	}{
		"a deletion":            {[]string{"1"}, `{"id": "1", "username": "", "created_at": "", "deleted": true}`, 1, false},
		"a change":              {[]string{"1"}, `{"id": "1", "username": "anna", "created_at": ""}`, 0, false},
		"a forged deletion":     {[]string{}, `{"id": "1", "username": "", "created_at": "", "deleted": true}`, 0, true},
		"an account of another": {[]string{"2"}, `{"id": "2", "username": "", "created_at": "", "deleted": true}`, 0, true},
		"no account":            {[]string{"1"}, `{"nothing": "of this"}`, 0, true},
	} {
		store, client := sidecartest.New(t)
		store.Answer("auth", "deletions", map[string]any{"user_ids": each.confirmed})
		erased := 0
		handle := accounts.OnDeleted(client, func(context.Context, string) error {
			erased++
			return nil
		})
		event := &inbox.Event{Type: accounts.Changed, Subject: "1", Data: json.RawMessage(each.data)}
		err := handle(context.Background(), event)
		var poison inbox.Poison
		if erased != each.erased || errors.As(err, &poison) != each.isPoison {
			t.Errorf("%s: erased %d times, %v", name, erased, err)
		}
	}
}
