// Package accounts has what a service does that owns people's data, when somebody leaves.
package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"microgram/guests/go/ids"
	"microgram/guests/go/inbox"
	"microgram/guests/go/sidecar"
)

const (
	// Topic is where accounts are told of, by Producer.
	Topic = "accounts"
	// Producer is the service that owns accounts.
	Producer = "users"
	// Changed is the type of the events.
	Changed = "account.changed"

	confirmTimeout = 10 * time.Second
)

// OnDeleted returns the handler of Changed that has a user's data erased, once auth confirms that
// the account was deleted: a forged event destroys nothing. erase may run twice.
func OnDeleted(client *sidecar.Client, erase func(ctx context.Context, user string) error) inbox.Handler {
	return func(ctx context.Context, event *inbox.Event) error {
		var account struct {
			ID      string
			Deleted bool
		}
		if err := event.Decode(&account, "id", "username", "created_at"); err != nil {
			return err
		}
		if !ids.IsValid(account.ID) {
			return inbox.Poison{Why: event.Subject + ": the account has no id."}
		}
		if !account.Deleted {
			return nil
		}
		if account.ID != event.Subject {
			return inbox.Poison{Why: event.Subject + ": the deleted account is another one."}
		}
		if err := confirm(ctx, client, account.ID); err != nil {
			return err
		}
		return erase(ctx, account.ID)
	}
}

func confirm(ctx context.Context, client *sidecar.Client, user string) error {
	var answer struct {
		UserIDs []string `json:"user_ids"`
	}
	path := "deletions?ids=" + user
	if err := client.Invoke(ctx, "auth", path, confirmTimeout, &answer); err != nil {
		return err
	}
	if !slices.Contains(answer.UserIDs, user) {
		return inbox.Poison{Why: fmt.Sprintf("%s: auth did not delete this user.", user)}
	}
	return nil
}
