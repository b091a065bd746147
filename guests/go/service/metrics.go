package service

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"microgram/guests/go/failure"
)

const (
	metricsSecret = "metrics-token-sha256"
	metricsMaxAge = 300 * time.Second // a scrape costs no call
	metricsType   = "text/plain; version=0.0.4; charset=utf-8"
	duration      = "http_server_request_duration_seconds"
)

var (
	latencyBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5} // seconds
	startedAt      = time.Now()
)

// series is what one histogram is about. Its values are few, whatever comes in.
type series struct{ method, route, status string }

type histogram struct {
	inBucket []int
	count    int
	sum      float64
}

// metrics counts requests by route and class of status, under the names of docs/observability.md.
type metrics struct {
	mutex    sync.Mutex
	measured map[series]*histogram
}

// measure counts all that the app answers, and what it refuses.
func (m *metrics) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, answer := time.Now(), &statusWriter{w, 200}
		next.ServeHTTP(answer, r)
		class := fmt.Sprintf("%dxx", answer.status/100)
		m.observe(series{methodOf(r), routeOf(r), class}, time.Since(begin).Seconds())
	})
}

func (m *metrics) observe(of series, seconds float64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.measured[of] == nil {
		m.measured[of] = &histogram{inBucket: make([]int, len(latencyBuckets))}
	}
	m.measured[of].add(seconds)
}

func (h *histogram) add(seconds float64) {
	h.count++
	h.sum += seconds
	for i, bound := range latencyBuckets {
		if seconds <= bound {
			h.inBucket[i]++
		}
	}
}

// write writes all values in the text format of Prometheus.
func (m *metrics) write(to io.Writer) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	fmt.Fprintf(to, "# TYPE %s histogram\n", duration)
	for of, measured := range m.measured {
		labels := fmt.Sprintf("method=%q,route=%q,status=%q", of.method, of.route, of.status)
		for i, bound := range latencyBuckets {
			fmt.Fprintf(to, "%s_bucket{%s,le=\"%v\"} %d\n", duration, labels, bound, measured.inBucket[i])
		}
		fmt.Fprintf(to, "%s_bucket{%s,le=\"+Inf\"} %d\n", duration, labels, measured.count)
		fmt.Fprintf(to, "%s_sum{%s} %v\n", duration, labels, measured.sum)
		fmt.Fprintf(to, "%s_count{%s} %d\n", duration, labels, measured.count)
	}
	writeProcess(to)
}

// writeProcess writes what the process takes, under the names of Prometheus' own libraries.
func writeProcess(to io.Writer) {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
		seconds := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
		writeValue(to, "process_cpu_seconds_total", "counter", seconds)
	}
	var whole, resident float64 // pages
	statm, _ := os.ReadFile("/proc/self/statm")
	if read, _ := fmt.Sscan(string(statm), &whole, &resident); read == 2 {
		writeValue(to, "process_resident_memory_bytes", "gauge", resident*float64(os.Getpagesize()))
	}
	writeValue(to, "process_start_time_seconds", "gauge", float64(startedAt.UnixMilli())/1000)
}

func writeValue(to io.Writer, name, kind string, value float64) {
	fmt.Fprintf(to, "# TYPE %s %s\n%s %v\n", name, kind, name, value)
}

func (a *App) scrape(w http.ResponseWriter, r *http.Request) {
	kind, token, _ := strings.Cut(r.Header.Get("authorization"), " ")
	isProof, err := a.scraper.verify(r.Context(), strings.TrimSpace(token))
	if err == nil && (!isProof || !strings.EqualFold(kind, "bearer")) {
		err = failure.Unauthenticated("This route is for whoever has the token of metrics.")
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("content-type", metricsType)
	a.metrics.write(w)
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return r.Method
	}
	return "_OTHER"
}

// routeOf returns the path of the pattern that matched.
func routeOf(r *http.Request) string {
	if _, path, isRoute := strings.Cut(r.Pattern, " "); isRoute {
		return path
	}
	return "unmatched"
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
