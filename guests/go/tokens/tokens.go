// Package tokens verifies tokens of users, with the keys and revocations of auth.
package tokens

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"microgram/guests/go/failure"
	"microgram/guests/go/sidecar"
)

const (
	issuer           = "microgram"
	clockLeeway      = 5 * time.Second
	revocationWait   = 10 * time.Second
	revocationPause  = 1500 * time.Millisecond
	keysMaxAge       = 30 * time.Second
	maxRevocationAge = 120 * time.Second
)

// Caller is the holder of a valid token; an app without a user has no UserID.
type Caller struct {
	UserID string
	scopes []string
}

// Verifier checks tokens with the keys and revocations of auth.
type Verifier struct {
	sidecar   *sidecar.Client
	mutex     sync.Mutex
	keys      map[string]ed25519.PublicKey
	keysAt    time.Time
	revoked   map[string]bool
	validFrom map[string]float64
	next      int
	revokedAt time.Time
}

type claims struct {
	Issuer  string   `json:"iss"`
	Expires *float64 `json:"exp"`
	Issued  *float64 `json:"iat"`
	ID      string   `json:"jti"`
	Subject string   `json:"sub"`
	Scope   string   `json:"scope"`
}

// NewVerifier returns a verifier, which must Watch.
func NewVerifier(client *sidecar.Client) *Verifier {
	return &Verifier{
		sidecar: client, keys: map[string]ed25519.PublicKey{},
		revoked: map[string]bool{}, validFrom: map[string]float64{},
	}
}

// Watch follows keys and revocations for as long as the service runs.
func (v *Verifier) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		asked := time.Now()
		if err := v.refresh(ctx); err != nil {
			slog.Warn("cannot read the revocations or keys", "why", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(revocationPause - time.Since(asked)):
		}
	}
}

// refresh reads both whatever becomes of the other: without keys, a revoked token would stay good.
func (v *Verifier) refresh(ctx context.Context) error {
	err := v.readRevocations(ctx)
	if time.Since(v.keysFrom()) > keysMaxAge {
		err = errors.Join(err, v.fetchKeys(ctx))
	}
	return err
}

func (v *Verifier) keysFrom() time.Time {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.keysAt
}

func (v *Verifier) fetchKeys(ctx context.Context) error {
	var answer struct {
		Keys []struct{ Kid, X string }
	}
	if err := v.sidecar.Invoke(ctx, "auth", "jwks", 2*time.Second, &answer); err != nil {
		return err
	}
	keys := map[string]ed25519.PublicKey{}
	for _, key := range answer.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(key.X)
		if err == nil && len(raw) == ed25519.PublicKeySize {
			keys[key.Kid] = raw
		}
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.keys, v.keysAt = keys, time.Now()
	return nil
}

func (v *Verifier) isStale() bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return time.Since(v.revokedAt) > maxRevocationAge
}

// readRevocations asks until auth has no more: an answer has only some of them. The first question
// does not wait, and no token is good before all are known.
func (v *Verifier) readRevocations(ctx context.Context) error {
	wait := revocationWait
	if v.isStale() {
		wait = 0
	}
	for {
		var answer struct {
			Revoked []string
			Next    int
		}
		v.mutex.Lock()
		before := v.next
		v.mutex.Unlock()
		path := fmt.Sprintf("revocations?after=%d&wait=%.1f", before, wait.Seconds())
		if err := v.sidecar.Invoke(ctx, "auth", path, wait+2*time.Second, &answer); err != nil {
			return err
		}
		v.mutex.Lock()
		for _, entry := range answer.Revoked {
			v.revoke(entry)
		}
		v.next = answer.Next
		isComplete := len(answer.Revoked) == 0 || answer.Next <= before
		if isComplete || wait > 0 {
			v.revokedAt = time.Now()
		}
		v.mutex.Unlock()
		if isComplete {
			return nil
		}
		wait = 0
	}
}

// revoke takes an id of a token, or user:ID:SECOND for all tokens issued before that second.
func (v *Verifier) revoke(entry string) {
	parts := strings.Split(entry, ":")
	if len(parts) == 3 && parts[0] == "user" {
		if second, err := strconv.ParseFloat(parts[2], 64); err == nil {
			v.validFrom[parts[1]] = max(second, v.validFrom[parts[1]])
			return
		}
	}
	v.revoked[entry] = true
}

// Verify returns the caller with a token.
func (v *Verifier) Verify(ctx context.Context, token string) (*Caller, error) {
	claims, err := v.read(ctx, token)
	if err != nil {
		return nil, err
	}
	if v.isStale() {
		if err := v.readRevocations(ctx); err != nil {
			return nil, failure.Unavailable("Tokens cannot be checked, since auth does not answer.")
		}
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.revoked[claims.ID] || *claims.Issued < v.validFrom[claims.Subject] {
		return nil, failure.Unauthenticated("The access token was revoked or has expired.")
	}
	return &Caller{claims.Subject, strings.Fields(claims.Scope)}, nil
}

func (v *Verifier) read(ctx context.Context, token string) (*claims, error) {
	wrong := failure.Unauthenticated("The access token is invalid.")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, wrong
	}
	var header struct{ Alg, Kid string }
	if !decodePart(parts[0], &header) || header.Alg != "EdDSA" {
		return nil, wrong
	}
	key, err := v.key(ctx, header.Kid)
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return nil, wrong
	}
	var found claims
	if !decodePart(parts[1], &found) || !found.isValid(time.Now()) {
		return nil, wrong
	}
	return &found, nil
}

func (c *claims) isValid(now time.Time) bool {
	if c.Issuer != issuer || c.ID == "" || c.Expires == nil || c.Issued == nil {
		return false
	}
	seconds, leeway := float64(now.UnixMilli())/1000, clockLeeway.Seconds()
	return *c.Expires > seconds-leeway && *c.Issued < seconds+leeway
}

func (v *Verifier) key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	if key, isFresh := v.knownKey(kid); key != nil || isFresh {
		if key == nil {
			return nil, failure.Unauthenticated("The access token is signed with an unknown key.")
		}
		return key, nil
	}
	if err := v.fetchKeys(ctx); err != nil {
		return nil, failure.Unavailable("Tokens cannot be checked, since auth does not answer.")
	}
	if key, _ := v.knownKey(kid); key != nil {
		return key, nil
	}
	return nil, failure.Unauthenticated("The access token is signed with an unknown key.")
}

func (v *Verifier) knownKey(kid string) (key ed25519.PublicKey, isFresh bool) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.keys[kid], time.Since(v.keysAt) < revocationPause
}

// May tells whether the token covers a scope: `read` covers `read:statuses`.
func (c *Caller) May(scope string) bool {
	whole, _, _ := strings.Cut(scope, ":")
	for _, own := range c.scopes {
		if own == scope || own == whole {
			return true
		}
	}
	return false
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}
