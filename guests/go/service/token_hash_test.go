package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

// secretStore has the hash of a token, and counts how often it is asked for.
type secretStore struct {
	token string
	fails error
	reads int
}

func (s *secretStore) read(context.Context, string) (string, error) {
	s.reads++
	digest := sha256.Sum256([]byte(s.token))
	return hex.EncodeToString(digest[:]), s.fails
}

func TestAHashIsReadOnceInItsAge(t *testing.T) {
	store := &secretStore{token: "good"}
	hash := tokenHash{read: store.read, maxAge: time.Hour}
	for _, token := range []string{"good", "bad", "good", "worse"} {
		isProof, err := hash.verify(context.Background(), token)
		if err != nil || isProof != (token == "good") {
			t.Errorf("%q: %v %v", token, isProof, err)
		}
	}
	if store.reads != 1 {
		t.Errorf("four tokens take %d calls", store.reads)
	}
}

func TestTheLastHashHoldsWhileThereIsNoNewOne(t *testing.T) {
	store := &secretStore{token: "good", fails: errors.New("no store")}
	hash := tokenHash{read: store.read, maxAge: time.Hour}
	if isProof, err := hash.verify(context.Background(), "good"); isProof || err == nil {
		t.Errorf("without a hash: %v %v", isProof, err)
	}
	store.fails = nil
	_, _ = hash.verify(context.Background(), "good")
	store.fails, hash.readAt = errors.New("no store"), time.Now().Add(-2*hash.maxAge)
	if isProof, err := hash.verify(context.Background(), "good"); !isProof || err != nil {
		t.Errorf("with an old hash: %v %v", isProof, err)
	}
	if store.reads != 3 {
		t.Errorf("%d calls instead of 3", store.reads)
	}
}

func TestAHashWithoutAnAgeIsReadEachTime(t *testing.T) {
	store := &secretStore{token: "good"}
	hash := tokenHash{read: store.read}
	_, _ = hash.verify(context.Background(), "good")
	store.token = "new"
	if isProof, _ := hash.verify(context.Background(), "good"); isProof || store.reads != 2 {
		t.Errorf("%v after %d calls", isProof, store.reads)
	}
	store.fails = errors.New("no store")
	if isProof, err := hash.verify(context.Background(), "new"); isProof || err == nil {
		t.Errorf("without the store: %v %v", isProof, err)
	}
}
