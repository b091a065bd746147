// Package ids has identifiers that sort by time, random names, and times as events have them.
package ids

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	digits       = 18 // of all ids from 2018 to 2453, which therefore sort as texts
	maxDigits    = 20
	nodeBits     = 10
	sequenceBits = 6
	shift        = nodeBits + sequenceBits
)

// Generator makes ids of 48 bits of milliseconds, 10 of a random node and 6 of a sequence, as
// services/chassis/ids.py does. Two processes may make the same id, if rarely: so a document is
// created only where there is none.
type Generator struct {
	mutex          sync.Mutex
	node           int64
	last, sequence int64
}

// NewGenerator returns a generator with a node of its own.
func NewGenerator() *Generator {
	node, err := rand.Int(rand.Reader, big.NewInt(1<<nodeBits))
	if err != nil {
		panic(err) // the system has no random numbers
	}
	return &Generator{node: node.Int64()}
}

// Next returns an id that is greater than all before it.
func (g *Generator) Next() string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	now := max(time.Now().UnixMilli(), g.last)
	if now != g.last {
		g.sequence = 0
	} else if g.sequence++; g.sequence>>sequenceBits > 0 {
		now, g.sequence = now+1, 0
	}
	g.last = now
	return strconv.FormatInt(now<<shift|g.node<<sequenceBits|g.sequence, 10)
}

// TimeOf returns when an id was made.
func TimeOf(id string) time.Time {
	number, _ := strconv.ParseInt(id, 10, 64)
	return time.UnixMilli(number >> shift)
}

// Before returns the smallest id that could be made some time before another one.
func Before(id string, ago time.Duration) string {
	return strconv.FormatInt(TimeOf(id).Add(-ago).UnixMilli()<<shift, 10)
}

// IsValid tells whether a text can be an id.
func IsValid(id string) bool {
	_, isValid := Normalize(id)
	return isValid
}

// Normalize pads an id to the 18 digits in which ids sort as texts.
func Normalize(id string) (string, bool) {
	if id == "" || len(id) > maxDigits {
		return "", false
	}
	for _, digit := range id {
		if digit < '0' || digit > '9' {
			return "", false
		}
	}
	trimmed := strings.TrimLeft(id, "0")
	if len(trimmed) > digits {
		return "", false
	}
	return strings.Repeat("0", digits-len(trimmed)) + trimmed, true
}

// Random returns a random name, in hexadecimal.
func Random(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// Timestamp writes a moment as RFC 3339 in UTC with milliseconds.
func Timestamp(moment time.Time) string {
	return moment.UTC().Format("2006-01-02T15:04:05.000Z")
}
