//go:build faults

// Faults for the crash tests, which build guests with `-tags faults`: the process dies where a
// file in MICROGRAM_FAULT_POINTS says. See tests/chaos/fault_injection/sitecustomize.py.

package service

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"microgram/guests/go/sidecar"
)

var faultFolder = os.Getenv("MICROGRAM_FAULT_POINTS")

var faultsSeen = struct {
	sync.Mutex
	byPoint map[string]int
}{byPoint: map[string]int{}}

func init() {
	if faultFolder != "" {
		sidecar.Transport = faultyTransport{sidecar.Transport}
		serve = dieAroundEffects
	}
}

// dieIfArmed ends the process if the point is armed for a key, topic or call.
func dieIfArmed(point, subject string) {
	path := filepath.Join(faultFolder, os.Getenv("APP_ID")+"."+point)
	armed, err := os.ReadFile(path)
	prefix, skip, _ := strings.Cut(string(armed), "\n")
	if err != nil || !strings.HasPrefix(subject, prefix) {
		return
	}
	skipped, _ := strconv.Atoi(skip)
	faultsSeen.Lock()
	defer faultsSeen.Unlock()
	faultsSeen.byPoint[point]++
	if faultsSeen.byPoint[point] > skipped && os.Rename(path, path+".triggered") == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

type faultyTransport struct{ next http.RoundTripper }

func (t faultyTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	point, subjects := faultPointOf(request)
	for _, subject := range subjects {
		dieIfArmed("before-"+point, subject)
	}
	answer, err := t.next.RoundTrip(request)
	if err == nil && answer.StatusCode < 400 {
		for _, subject := range subjects {
			dieIfArmed("after-"+point, subject)
		}
	}
	return answer, err
}

func faultPointOf(request *http.Request) (point string, subjects []string) {
	path := request.URL.Path
	last := path[strings.LastIndex(path, "/")+1:]
	switch {
	case strings.HasSuffix(path, "/state/statestore"), strings.HasSuffix(path, "/transaction"):
		return "commit", writtenKeys(request)
	case strings.Contains(path, "/publish/"):
		return "publish", []string{last}
	case strings.Contains(path, "/invoke/"):
		return "invoke", []string{last}
	}
	return "", nil
}

func writtenKeys(request *http.Request) []string {
	body, _ := io.ReadAll(request.Body)
	request.Body = io.NopCloser(bytes.NewReader(body))
	var single []struct{ Key string }
	var several struct {
		Operations []struct{ Request struct{ Key string } }
	}
	_ = json.Unmarshal(body, &single)
	_ = json.Unmarshal(body, &several)
	keys := []string{}
	for _, item := range single {
		keys = append(keys, item.Key)
	}
	for _, operation := range several.Operations {
		keys = append(keys, operation.Request.Key)
	}
	return keys
}

func dieAroundEffects(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		topic, isEvent := strings.CutPrefix(r.URL.Path, "/events/")
		if !isEvent {
			next.ServeHTTP(w, r)
			return
		}
		dieIfArmed("before-effect", topic)
		next.ServeHTTP(w, r)
		dieIfArmed("after-effect", topic)
	})
}
