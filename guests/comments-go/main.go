// Comments is the service `comments` in Go: the threads below posts. It keeps docs/protocol.md
// with the standard library alone, and takes the place of services/comments on the same data.
package main

import (
	"microgram/guests/go/inbox"
	"microgram/guests/go/service"
)

const name = "comments"

func main() { service.Main(name, build) }

// build adds what services/access.yaml says of the service: its routes with their callers, its
// topics with their subscribers.
func build(app *service.App) {
	repository := NewRepository(app.Sidecar)
	app.Publish(repository.commentChanges, "posts")
	app.Publish(repository.replyCounts, "feed", "posts")
	app.Subscribe("posts", "posts", map[string]inbox.Handler{
		"post.changed": NewProjector(repository).Handle,
	})
	app.AcceptBatches("gateway")
	app.Handle("GET /threads/{id}", []string{"gateway"}, (&routes{app, &query{repository}}).thread)
}
