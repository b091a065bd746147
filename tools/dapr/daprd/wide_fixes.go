//go:build wide

package main

import (
	"context"
	"strings"

	"github.com/dapr/components-contrib/pubsub"
	mqtt "github.com/dapr/components-contrib/pubsub/mqtt3"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/components-contrib/state/mysql"
	postgresql "github.com/dapr/components-contrib/state/postgresql/v2"
	"github.com/dapr/kit/logger"
)

// Faults of components that no setting closes (docs/dapr-notes.md, "Other brokers and stores").

// The BulkGet of both stores does not look whether the rows ended with an error. If the connection
// breaks, it reports the other keys as missing.

type mySQL struct{ *mysql.MySQL }

func newMySQL(log logger.Logger) state.Store {
	return mySQL{mysql.NewMySQLStateStore(log).(*mysql.MySQL)}
}

// Init is repeated where another replica has created the same tables meanwhile, of which it says no
// "if not exists".
func (s mySQL) Init(ctx context.Context, metadata state.Metadata) error {
	err := s.MySQL.Init(ctx, metadata)
	for range 3 {
		if err == nil || !strings.Contains(err.Error(), "Duplicate column name") {
			break
		}
		_ = s.Close()
		err = s.MySQL.Init(ctx, metadata)
	}
	return err
}

func (s mySQL) BulkGet(
	ctx context.Context, requests []state.GetRequest, opts state.BulkGetOpts,
) ([]state.BulkGetResponse, error) {
	found, err := s.MySQL.BulkGet(ctx, requests, opts)
	return readMissing(ctx, found, s.Get), err
}

type postgreSQL struct{ *postgresql.PostgreSQL }

func newPostgreSQL(log logger.Logger) state.Store {
	return postgreSQL{postgresql.NewPostgreSQLStateStore(log).(*postgresql.PostgreSQL)}
}

func (s postgreSQL) BulkGet(
	ctx context.Context, requests []state.GetRequest, opts state.BulkGetOpts,
) ([]state.BulkGetResponse, error) {
	found, err := s.PostgreSQL.BulkGet(ctx, requests, opts)
	return readMissing(ctx, found, s.Get), err
}

type getter func(context.Context, *state.GetRequest) (*state.GetResponse, error)

// readMissing reads the keys without a value one by one, which does report errors.
func readMissing(
	ctx context.Context, found []state.BulkGetResponse, get getter,
) []state.BulkGetResponse {
	present, missing := []state.BulkGetResponse{}, []state.GetRequest{}
	for _, each := range found {
		if each.ETag != nil || each.Error != "" {
			present = append(present, each)
		} else {
			missing = append(missing, state.GetRequest{Key: each.Key})
		}
	}
	if len(missing) == 0 {
		return found
	}
	// Two at a time: MySQL's client keeps that many idle connections.
	read, _ := state.DoBulkGet(ctx, missing, state.BulkGetOpts{Parallelism: 2}, get)
	return append(present, read...)
}

// MQTT has no consumer groups, but shared subscriptions: with the metadata consumerGroup, those who
// subscribe under the same name share the messages.
type sharingMQTT struct {
	pubsub.PubSub
	prefix string
}

func newMQTT(log logger.Logger) pubsub.PubSub {
	return &sharingMQTT{PubSub: mqtt.NewMQTTPubSub(log)}
}

func (m *sharingMQTT) Init(ctx context.Context, metadata pubsub.Metadata) error {
	if group := metadata.Properties["consumerGroup"]; group != "" {
		m.prefix = "$share/" + group + "/"
	}
	return m.PubSub.Init(ctx, metadata)
}

func (m *sharingMQTT) Subscribe(
	ctx context.Context, request pubsub.SubscribeRequest, handler pubsub.Handler,
) error {
	request.Topic = m.prefix + request.Topic
	return m.PubSub.Subscribe(ctx, request, handler)
}
