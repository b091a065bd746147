package tokens

import (
	"context"
	"testing"

	"microgram/guests/go/sidecar/sidecartest"
)

func TestRevocationsAreReadAlsoWithoutKeys(t *testing.T) {
	store, client := sidecartest.New(t)
	store.Answer("auth", "revocations", map[string]any{"revoked": []string{"a"}, "next": 0})
	verifier := NewVerifier(client)
	if err := verifier.refresh(context.Background()); err == nil {
		t.Error("there are keys")
	}
	if !verifier.revoked["a"] || verifier.isStale() {
		t.Errorf("%v", verifier.revoked)
	}
}
