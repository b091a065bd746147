// Command controlplane is Dapr's own servers and their database in one program.
//
// It is the one by whose name it is called: placement, scheduler, sentry or etcd. Each takes the
// options of the official program. As programs of their own they would link the same packages four
// times, and share none of them in memory.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	placement "github.com/dapr/dapr/cmd/placement/app"
	scheduler "github.com/dapr/dapr/cmd/scheduler/app"
	sentry "github.com/dapr/dapr/cmd/sentry/app"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "placement":
		placement.Run()
	case "scheduler":
		scheduler.Run()
	case "sentry":
		sentry.Run()
	case "etcd":
		etcdmain.Main(os.Args)
	default:
		fmt.Fprintf(os.Stderr, "%s is none of placement, scheduler, sentry and etcd\n", name)
		os.Exit(2)
	}
}
