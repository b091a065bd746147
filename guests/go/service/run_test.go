package service

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"

	"microgram/guests/go/documents"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar/sidecartest"
)

type thing struct {
	Text string `json:"text"`
}

func TestAServiceFinishesWhatItHasBegun(t *testing.T) {
	store, client := sidecartest.New(t)
	app := New("things", client, "token")
	outbox := journal.NewOutbox(client, journal.Told{
		Service: "things", Topic: "things", Kind: "thing", Type: "thing.changed",
		ToData: func(_ string, data json.RawMessage) (any, error) { return data, nil },
	})
	things := documents.NewTold[thing](client, "thing", outbox, nil)
	app.Publish(outbox)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	app.Handle("POST /things", []string{ownSidecar}, func(w http.ResponseWriter, r *http.Request) error {
		stop()
		err := things.Set(r.Context(), "1", thing{"made"})
		WriteJSON(w, 200, "made")
		return err
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	watched, ended := make(chan struct{}), make(chan error, 1)
	close(watched)
	go func() { ended <- app.listen(ctx, listener, watched) }()
	request, _ := http.NewRequest("POST", "http://"+listener.Addr().String()+"/things", nil)
	request.Header.Set("dapr-api-token", "token")
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%v: %v", err, answer)
	}
	_ = answer.Body.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if told := store.Published(); len(told) != 1 || told[0].Subject != "1" {
		t.Errorf("told: %v", told)
	}
}
