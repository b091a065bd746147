// Package sidecar is the way to everything outside of the process: daprd, over HTTP.
package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"microgram/guests/go/failure"
	"microgram/guests/go/trace"
)

const (
	stateTimeout   = 3 * time.Second
	publishTimeout = 5 * time.Second
	invokeTimeout  = 10 * time.Second
)

// Transport carries all calls of the sidecar; crash tests wrap it (service/faults.go).
var Transport http.RoundTripper = &http.Transport{
	MaxIdleConnsPerHost: 64,
	DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
}

// ErrConflict says that a key is not as the writer has read it.
var ErrConflict = errors.New("the key has changed since it was read")

// Client calls the sidecar of this process.
type Client struct {
	base, token string
	client      *http.Client
}

// Entry is a value of the state store; an absent one has no ETag and no value.
type Entry struct {
	Value json.RawMessage
	ETag  string
}

// Upsert is a write of one key.
type Upsert struct {
	Key   string
	Value any
	ETag  string
	TTL   time.Duration
}

// New returns a client of the sidecar at a port of this machine.
func New(port, token string) *Client {
	return &Client{"http://127.0.0.1:" + port + "/v1.0", token, &http.Client{Transport: Transport}}
}

// Get reads keys in one call. Absent ones are not in the result.
func (c *Client) Get(ctx context.Context, keys ...string) (map[string]Entry, error) {
	found := map[string]Entry{}
	if len(keys) == 0 {
		return found, nil
	}
	body, err := c.call(ctx, "POST", "/state/statestore/bulk", stateTimeout,
		map[string]any{"keys": keys, "parallelism": 20}, nil)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Key, ETag, Error string
		Data             json.RawMessage
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &rows); err != nil {
			return nil, failure.OutcomeUnknown("The sidecar's answer is no list.")
		}
	}
	for _, row := range rows {
		if row.Error != "" {
			return nil, failure.Unavailable("The state store could not read every key: " + row.Error)
		}
		if len(row.Data) > 0 && string(row.Data) != "null" {
			found[row.Key] = Entry{Value: row.Data, ETag: row.ETag}
		}
	}
	return found, nil
}

// ReadAs reads values of one type in one call. Absent ones are not in the result.
func ReadAs[T any](ctx context.Context, sidecar *Client, keys ...string) (map[string]*T, error) {
	entries, err := sidecar.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	values := map[string]*T{}
	for key, entry := range entries {
		values[key] = new(T)
		if err := json.Unmarshal(entry.Value, values[key]); err != nil {
			return nil, fmt.Errorf("%s is not of the form that it should have: %w", key, err)
		}
	}
	return values, nil
}

// Swap writes a key whose ETag must match; without an ETag, one that must not exist.
func (c *Client) Swap(ctx context.Context, write Upsert) error {
	return c.save(ctx, write, "first-write")
}

// Set overwrites a key that this process alone writes.
func (c *Client) Set(ctx context.Context, write Upsert) error {
	return c.save(ctx, write, "last-write")
}

func (c *Client) save(ctx context.Context, write Upsert, concurrency string) error {
	item := map[string]any{
		"key": write.Key, "value": write.Value,
		"options": map[string]string{"concurrency": concurrency, "consistency": "strong"},
	}
	if write.ETag != "" {
		item["etag"] = write.ETag
	}
	if write.TTL > 0 {
		seconds := strconv.Itoa(int(write.TTL.Seconds()))
		item["metadata"] = map[string]string{"ttlInSeconds": seconds}
	}
	_, err := c.call(ctx, "POST", "/state/statestore", stateTimeout, []any{item}, nil)
	return err
}

// Delete removes a key, whatever is there.
func (c *Client) Delete(ctx context.Context, key string) error {
	_, err := c.call(ctx, "DELETE", "/state/statestore/"+url.PathEscape(key), stateTimeout, nil, nil)
	return err
}

// Publish sends one message of events.
func (c *Client) Publish(ctx context.Context, topic string, message any) error {
	_, err := c.call(ctx, "POST", "/publish/pubsub/"+topic, publishTimeout, message,
		http.Header{"Content-Type": {"application/cloudevents+json"}})
	return err
}

// Invoke calls a GET route of another service.
func (c *Client) Invoke(
	ctx context.Context, app, path string, timeout time.Duration, into any,
) error {
	body, err := c.call(ctx, "GET", "/invoke/"+app+"/method/"+path, timeout, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return failure.OutcomeUnknown(fmt.Sprintf("%s answers no JSON to %s.", app, path))
	}
	return nil
}

// Secret reads a secret; a missing one is empty.
func (c *Client) Secret(ctx context.Context, name string) (string, error) {
	body, err := c.call(ctx, "GET", "/secrets/secretstore/"+name, stateTimeout, nil, nil)
	if err != nil {
		if strings.Contains(err.Error(), "secret "+name+" not found") {
			return "", nil
		}
		return "", err
	}
	values := map[string]string{}
	if err := json.Unmarshal(body, &values); err != nil {
		return "", failure.OutcomeUnknown("The secret store's answer is no JSON.")
	}
	return values[name], nil
}

// IsReady tells whether the sidecar runs and has loaded its components.
func (c *Client) IsReady(ctx context.Context) bool {
	_, err := c.call(ctx, "GET", "/healthz/outbound", time.Second, nil, nil)
	return err == nil
}

func (c *Client) call(
	ctx context.Context, method, path string, timeout time.Duration, body any, headers http.Header,
) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return nil, err
	}
	request.Header.Set("content-type", "application/json")
	for name, values := range headers {
		request.Header[name] = values
	}
	request.Header.Set("dapr-api-token", c.token)
	trace.From(ctx).Forward(request.Header)
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, connectionFailure(err, method+" "+path)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, failure.OutcomeUnknown("The connection broke during " + method + " " + path + ".")
	}
	if answer.StatusCode >= 400 {
		return nil, sidecarFailure(answer.StatusCode, raw, path)
	}
	return raw, nil
}

func connectionFailure(err error, call string) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return failure.Unavailable("The Dapr sidecar of this service is not reachable.")
	}
	return failure.OutcomeUnknown("No answer to " + call + ".")
}

var (
	notSent = []string{"no host found", "couldn't find service", "connection refused",
		"failed to resolve"}
	brokenConnection = []string{"timeout", "eof", "connection", "broken pipe", "dial tcp",
		"loading", "readonly"}
)

// sidecarFailure says what an error of the sidecar means, as docs/dapr-notes.md found it.
func sidecarFailure(status int, body []byte, path string) error {
	var answer struct {
		ErrorCode string `json:"errorCode"`
		Code      string `json:"code"`
		Message   string `json:"message"`
	}
	_ = json.Unmarshal(body, &answer)
	if answer.ErrorCode == "" { // from the service behind it
		return &failure.Error{Status: status, Code: answer.Code, Message: answer.Message}
	}
	if isConflict(answer.Message) {
		return ErrConflict
	}
	lowered := strings.ToLower(answer.Message)
	isMissing := strings.HasSuffix(answer.ErrorCode, "_NOT_FOUND") ||
		strings.HasSuffix(answer.ErrorCode, "_NOT_CONFIGURED")
	if isMissing || (strings.HasPrefix(path, "/invoke/") && containsAny(lowered, notSent)) {
		return failure.Unavailable(answer.Message)
	}
	return failure.OutcomeUnknown(answer.Message)
}

func isConflict(message string) bool {
	lowered := strings.ToLower(message)
	if strings.Contains(lowered, "user_script") {
		return true
	}
	_, reason, _ := strings.Cut(lowered, "error from state store")
	return strings.Contains(lowered, "etag") && !containsAny(reason, brokenConnection)
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
