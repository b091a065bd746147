package main

import (
	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/bindings/localstorage"
	"github.com/dapr/components-contrib/bindings/smtp"
	nr "github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	sqlitenames "github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub"
	memorypubsub "github.com/dapr/components-contrib/pubsub/in-memory"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	redisstreams "github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/secretstores/kubernetes"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/components-contrib/state"
	memorystate "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/components-contrib/state/redis"
	"github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/kit/logger"
)

// The component types of the lean daprd, all of version 1, with their constructors. The runner reads
// the types from this file and from wide.go: it builds the wide daprd for a component set that needs
// it, and refuses one that needs others (tools/runner/infra/component_types.py).
// docs/decisions/0026 says which belong here.
var (
	stateStores = map[string]func(logger.Logger) state.Store{
		"state.in-memory": memorystate.NewInMemoryStateStore,
		"state.redis":     redis.NewRedisStateStore,
		"state.sqlite":    sqlite.NewSQLiteStateStore,
	}
	brokers = map[string]func(logger.Logger) pubsub.PubSub{
		"pubsub.in-memory": memorypubsub.New,
		"pubsub.jetstream": jetstream.NewJetStream,
		"pubsub.rabbitmq":  rabbitmq.NewRabbitMQ,
		"pubsub.redis":     redisstreams.NewRedisStreams,
	}
	outputBindings = map[string]func(logger.Logger) bindings.OutputBinding{
		"bindings.localstorage": localstorage.NewLocalStorage,
		"bindings.smtp":         smtp.NewSMTP,
	}
	secretStores = map[string]func(logger.Logger) secretstores.SecretStore{
		"secretstores.kubernetes": kubernetes.NewKubernetesSecretStore,
		"secretstores.local.env":  env.NewEnvSecretStore,
		"secretstores.local.file": file.NewLocalSecretStore,
	}
	nameResolvers = map[string]func(logger.Logger) nr.Resolver{
		"nameresolution.mdns":   mdns.NewResolver,
		"nameresolution.sqlite": sqlitenames.NewResolver,
	}
)
