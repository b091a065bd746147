// Command daprd is a Dapr sidecar with the components of Microgram's component sets only.
//
// It takes the options of the official daprd, and runs the same runtime. The official one links
// every component that exists: it takes three times the memory and the time to build.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	bindingregistry "github.com/dapr/dapr/pkg/components/bindings"
	nrregistry "github.com/dapr/dapr/pkg/components/nameresolution"
	pubsubregistry "github.com/dapr/dapr/pkg/components/pubsub"
	secretregistry "github.com/dapr/dapr/pkg/components/secretstores"
	stateregistry "github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
	"go.opencensus.io/stats/view"
)

var log = logger.NewLogger("dapr.runtime")

func main() {
	opts, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatalf("the options are invalid: %s", err)
	}
	switch {
	case opts.RuntimeVersion:
		fmt.Println(buildinfo.Version())
		return
	case opts.BuildInfo:
		fmt.Printf("Version: %s\nComponents: of Microgram's component sets only\n", buildinfo.Version())
		return
	case opts.WaitCommand:
		runtime.WaitUntilDaprOutboundReady(opts.DaprHTTPPort)
		return
	}
	opts.Logger.SetAppID(opts.AppID)
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatal(err)
	}
	log.Infof("starting Dapr %s with the components of Microgram", buildinfo.Version())
	registerComponents()
	if err := run(signals.Context(), opts); err != nil {
		log.Fatalf("the runtime failed: %s", err)
	}
}

// registerComponents fills the runtime's registries from the tables in components.go.
func registerComponents() {
	contrib := logger.NewLogger("dapr.contrib")
	stateregistry.DefaultRegistry.Logger = contrib
	pubsubregistry.DefaultRegistry.Logger = contrib
	bindingregistry.DefaultRegistry.Logger = contrib
	secretregistry.DefaultRegistry.Logger = contrib
	nrregistry.DefaultRegistry.Logger = contrib
	register(stateStores, stateregistry.DefaultRegistry.RegisterComponent)
	register(brokers, pubsubregistry.DefaultRegistry.RegisterComponent)
	register(outputBindings, bindingregistry.DefaultRegistry.RegisterOutputBinding)
	register(secretStores, secretregistry.DefaultRegistry.RegisterComponent)
	for kind, constructor := range nameResolvers {
		nrregistry.DefaultRegistry.RegisterComponent(constructor, nameOf(kind))
	}
}

func register[C any](constructors map[string]C, add func(C, ...string)) {
	for kind, constructor := range constructors {
		add(constructor, nameOf(kind))
	}
}

// nameOf returns "redis" for "state.redis": registries add the prefix themselves.
func nameOf(kind string) string {
	_, name, _ := strings.Cut(kind, ".")
	return name
}

// run runs the sidecar until the context ends or the runtime fails.
func run(ctx context.Context, opts *options.Options) error {
	health := healthz.New()
	provider, err := security.New(ctx, security.Options{
		SentryAddress:           opts.SentryAddress,
		ControlPlaneTrustDomain: opts.ControlPlaneTrustDomain,
		ControlPlaneNamespace:   opts.ControlPlaneNamespace,
		TrustAnchors:            opts.TrustAnchors,
		AppID:                   opts.AppID,
		MTLSEnabled:             opts.EnableMTLS,
		Mode:                    modes.DaprMode(opts.Mode),
		Healthz:                 health,
		JwtAudiences:            opts.SentryRequestJwtAudiences,
	})
	if err != nil {
		return err
	}
	serve := func(ctx context.Context) error {
		identity, err := provider.Handler(ctx)
		if err != nil {
			return err
		}
		sidecar, err := runtime.FromConfig(ctx, configuration(opts, identity, health))
		if err != nil {
			return err
		}
		return sidecar.Run(ctx)
	}
	return concurrency.NewRunnerManager(provider.Run, serve).Run(ctx)
}

// configuration returns the runtime's configuration for the options of the command line.
//
// Most fields are options of the same name and type. It panics if another version of the runtime
// has a field that is not: that field belongs into the literal.
func configuration(
	opts *options.Options, identity security.Handler, health healthz.Healthz,
) *runtime.Config {
	config := &runtime.Config{
		ApplicationPort:  opts.AppPort,
		SchedulerStreams: opts.SchedulerJobStreams,
		Metrics: metrics.Options{
			Enabled:       opts.Metrics.Enabled(),
			Log:           log,
			Port:          opts.Metrics.Port(),
			Namespace:     metrics.DefaultMetricNamespace,
			Healthz:       health,
			ListenAddress: opts.Metrics.ListenAddress(),
			Meter:         view.NewMeter(),
		},
		Registry:          registry.NewOptions(),
		Security:          identity,
		Healthz:           health,
		WorkflowEventSink: nil, // for tests of the runtime
	}
	inLiteral := map[string]bool{
		"ApplicationPort": true, "SchedulerStreams": true, "Metrics": true, "Registry": true,
		"Security": true, "Healthz": true, "WorkflowEventSink": true,
	}
	from, to := reflect.ValueOf(opts).Elem(), reflect.ValueOf(config).Elem()
	for i := range to.NumField() {
		if name := to.Type().Field(i).Name; !inLiteral[name] {
			to.Field(i).Set(from.FieldByName(name))
		}
	}
	return config
}
