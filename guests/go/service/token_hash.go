package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"sync"
	"time"
)

const maxToken = 200 // bytes that are worth hashing

// tokenHash is the SHA-256 of a token, in the secret store. It is read again after maxAge; if that
// fails, the last one holds.
type tokenHash struct {
	read   func(ctx context.Context, name string) (string, error)
	name   string
	maxAge time.Duration

	mutex  sync.Mutex
	known  string
	readAt time.Time
}

// verify tells whether the hash is that of a token. Without the secret no token is good.
func (h *tokenHash) verify(ctx context.Context, token string) (bool, error) {
	if token == "" || len(token) > maxToken {
		return false, nil
	}
	expected, err := h.expected(ctx)
	digest := sha256.Sum256([]byte(token))
	hexed := []byte(hex.EncodeToString(digest[:]))
	return expected != "" && subtle.ConstantTimeCompare(hexed, []byte(expected)) == 1, err
}

func (h *tokenHash) expected(ctx context.Context) (string, error) {
	known, isKnown, isFresh := h.kept()
	if isFresh {
		return known, nil
	}
	read, err := h.read(ctx, h.name)
	if err != nil && (!isKnown || h.maxAge == 0) {
		return "", err
	}
	if err != nil {
		read = known
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.known, h.readAt = read, time.Now()
	return read, nil
}

func (h *tokenHash) kept() (known string, isKnown, isFresh bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	isKnown = !h.readAt.IsZero()
	return h.known, isKnown, isKnown && time.Since(h.readAt) < h.maxAge
}
