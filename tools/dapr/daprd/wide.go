//go:build wide

package main

import (
	"maps"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/bindings/aws/s3"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/pubsub/kafka"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/kit/logger"
)

// What the wide daprd has in addition to the lean one.
func init() {
	maps.Copy(stateStores, map[string]func(logger.Logger) state.Store{
		"state.mysql":         newMySQL,
		"state.postgresql/v2": newPostgreSQL,
	})
	maps.Copy(brokers, map[string]func(logger.Logger) pubsub.PubSub{
		"pubsub.kafka": kafka.NewKafka,
		"pubsub.mqtt3": newMQTT,
	})
	maps.Copy(outputBindings, map[string]func(logger.Logger) bindings.OutputBinding{
		"bindings.aws.s3": s3.NewAWSS3,
	})
}
