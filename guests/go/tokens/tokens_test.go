package tokens_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"microgram/guests/go/failure"
	"microgram/guests/go/sidecar/sidecartest"
	"microgram/guests/go/tokens"
)

const user = "115581273340018689"

type claims map[string]any

func valid() claims {
	now := time.Now().Unix()
	return claims{
		"iss": "microgram", "sub": user, "jti": "a", "scope": "read write:statuses", "iat": now, "exp": now + 60,
	}
}

func (c claims) with(name string, value any) claims {
	c[name] = value
	return c
}

func encode(part any) string {
	raw, _ := json.Marshal(part)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func signed(key ed25519.PrivateKey, kid, algorithm string, claims claims) string {
	text := encode(map[string]string{"alg": algorithm, "kid": kid}) + "." + encode(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

// newVerifier returns a verifier beside an auth that revoked something.
func newVerifier(t *testing.T, revoked ...string) (*tokens.Verifier, ed25519.PrivateKey) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	store, client := sidecartest.New(t)
	key := map[string]string{"kid": "k", "x": base64.RawURLEncoding.EncodeToString(public)}
	store.Answer("auth", "jwks", map[string]any{"keys": []any{key}})
	store.Answer("auth", "revocations", map[string]any{"revoked": revoked, "next": 0})
	return tokens.NewVerifier(client), private
}

func TestAValidTokenNamesItsUserAndScopes(t *testing.T) {
	verifier, key := newVerifier(t, "another", "user:1:99999999999")
	caller, err := verifier.Verify(context.Background(), signed(key, "k", "EdDSA", valid()))
	if err != nil || caller.UserID != user {
		t.Fatalf("%v: %v", err, caller)
	}
	for scope, expected := range map[string]bool{
		"read:statuses": true, "read": true, "write:statuses": true, "write": false, "write:follows": false,
	} {
		if caller.May(scope) != expected {
			t.Errorf("%s: %v", scope, !expected)
		}
	}
}

func TestAnInvalidTokenIsRefused(t *testing.T) {
	_, stranger, _ := ed25519.GenerateKey(nil)
	now := time.Now().Unix()
	for name, make := range map[string]func(key ed25519.PrivateKey) string{
		"expired":         func(key ed25519.PrivateKey) string { return signed(key, "k", "EdDSA", valid().with("exp", now-60)) },
		"from the future": func(key ed25519.PrivateKey) string { return signed(key, "k", "EdDSA", valid().with("iat", now+60)) },
		"without an end":  func(key ed25519.PrivateKey) string { return signed(key, "k", "EdDSA", valid().with("exp", nil)) },
		"without an id":   func(key ed25519.PrivateKey) string { return signed(key, "k", "EdDSA", valid().with("jti", "")) },
		"of another issuer": func(key ed25519.PrivateKey) string {
			return signed(key, "k", "EdDSA", valid().with("iss", "somebody"))
		},
		"forged":              func(ed25519.PrivateKey) string { return signed(stranger, "k", "EdDSA", valid()) },
		"of an unknown key":   func(key ed25519.PrivateKey) string { return signed(key, "another", "EdDSA", valid()) },
		"without a signature": func(key ed25519.PrivateKey) string { return signed(key, "k", "none", valid()) },
		"no token":            func(ed25519.PrivateKey) string { return "x" },
	} {
		verifier, key := newVerifier(t)
		if _, err := verifier.Verify(context.Background(), make(key)); err == nil || failure.Of(err).Status != 401 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARevokedTokenIsRefused(t *testing.T) {
	for _, revoked := range []string{"a", "user:" + user + ":99999999999"} {
		verifier, key := newVerifier(t, revoked)
		_, err := verifier.Verify(context.Background(), signed(key, "k", "EdDSA", valid()))
		if err == nil || failure.Of(err).Status != 401 {
			t.Errorf("%s: %v", revoked, err)
		}
	}
}

func TestWithoutAuthNoTokenIsGood(t *testing.T) {
	_, client := sidecartest.New(t)
	_, key, _ := ed25519.GenerateKey(nil)
	verifier := tokens.NewVerifier(client)
	_, err := verifier.Verify(context.Background(), signed(key, "k", "EdDSA", valid()))
	if err == nil || failure.Of(err).Status != 503 {
		t.Errorf("%v", err)
	}
}
