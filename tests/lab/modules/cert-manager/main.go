// cert-manager's controller, webhook and cainjector in one program: `cert-manager controller|webhook|cainjector`.
//
// The modules of cert-manager's own programs are not published; what they start is. All controllers that are on by
// default run, with the default configuration. Left out: leader election, profiling, flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	kscheme "k8s.io/client-go/kubernetes/scheme"
	apireg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	configscheme "github.com/cert-manager/cert-manager/internal/apis/config/controller/scheme"
	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1"
	cmwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	configv1alpha1 "github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

// Where its Helm chart puts it, under the names that the chart gives.
const (
	namespace     = "cert-manager"
	webhookName   = "cert-manager-webhook"
	webhookSecret = "cert-manager-webhook-ca"
	listens       = ":9402"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	logf.InitLogs()
	ctrl.SetLogger(logf.Log)
	parts := map[string]func(context.Context) error{
		"controller": runController, "webhook": runWebhook, "cainjector": runCAInjector,
	}
	err := errors.New("usage: cert-manager controller|webhook|cainjector")
	if len(os.Args) == 2 && parts[os.Args[1]] != nil {
		err = parts[os.Args[1]](ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The configuration of a controller that was given none.
func defaulted() (*config.ControllerConfiguration, error) {
	scheme, _, err := configscheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	versioned, found := &configv1alpha1.ControllerConfiguration{}, &config.ControllerConfiguration{}
	scheme.Default(versioned)
	return found, scheme.Convert(versioned, found, nil)
}

func runController(ctx context.Context) error {
	given, err := defaulted()
	if err != nil {
		return err
	}
	solver := given.ACMEHTTP01Config
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		// Empty in a pod, which has an account.
		Kubeconfig:         os.Getenv("KUBECONFIG"),
		KubernetesAPIQPS:   given.KubernetesAPIQPS,
		KubernetesAPIBurst: given.KubernetesAPIBurst,
		ACMEOptions: controller.ACMEOptions{
			HTTP01SolverImage:                 solver.SolverImage,
			HTTP01SolverResourceRequestCPU:    resource.MustParse(solver.SolverResourceRequestCPU),
			HTTP01SolverResourceRequestMemory: resource.MustParse(solver.SolverResourceRequestMemory),
			HTTP01SolverResourceLimitsCPU:     resource.MustParse(solver.SolverResourceLimitsCPU),
			HTTP01SolverResourceLimitsMemory:  resource.MustParse(solver.SolverResourceLimitsMemory),
			ACMEHTTP01SolverRunAsNonRoot:      solver.SolverRunAsNonRoot,
			DNS01CheckRetryPeriod:             given.ACMEDNS01Config.CheckRetryPeriod,
			DNS01CheckAuthoritative:           true,
		},
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: given.MaxConcurrentChallenges},
		IssuerOptions:    controller.IssuerOptions{ClusterResourceNamespace: namespace},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerKind:                 given.IngressShimConfig.DefaultIssuerKind,
			DefaultIssuerGroup:                given.IngressShimConfig.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: given.IngressShimConfig.DefaultAutoCertificateAnnotations,
			GatewayAPIExtraProtocols:          sets.New[string](),
		},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 given.CopiedAnnotationPrefixes,
			CertificateRequestMinimumBackoffDuration: given.CertificateRequestMinimumBackoffDuration,
			CertificateRequestMaximumBackoffDuration: given.CertificateRequestMaximumBackoffDuration,
		},
	})
	if err != nil {
		return err
	}
	base, err := factory.Build()
	if err != nil {
		return err
	}
	ours, theirs := base.SharedInformerFactory, base.KubeSharedInformerFactory
	base.Metrics.SetupACMECollector(ours.Acme().V1().Challenges().Lister())
	base.Metrics.SetupCertificateCollector(ours.Certmanager().V1().Certificates().Lister())
	base.Metrics.SetupIssuerCollector(ours.Certmanager().V1().Issuers().Lister())
	base.Metrics.SetupClusterIssuerCollector(ours.Certmanager().V1().ClusterIssuers().Lister())
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listens)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	server := base.Metrics.NewServer(listener)
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error { <-ctx.Done(); return server.Close() })
	for _, name := range defaults.DefaultEnabledControllers {
		constructor, known := controller.Known()[name]
		if !known {
			return fmt.Errorf("no controller %s", name)
		}
		made, err := constructor(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return made.Run(given.NumberOfConcurrentWorkers, ctx) })
	}
	ours.Start(ctx.Done())
	theirs.Start(ctx.Done())
	base.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return group.Wait()
}

func runWebhook(ctx context.Context) error {
	given, err := options.NewWebhookConfiguration()
	if err != nil {
		return err
	}
	given.MetricsListenAddress = listens
	given.TLSConfig.Dynamic.SecretNamespace = namespace
	given.TLSConfig.Dynamic.SecretName = webhookSecret
	for _, end := range []string{"", "." + namespace, "." + namespace + ".svc"} {
		given.TLSConfig.Dynamic.DNSNames = append(given.TLSConfig.Dynamic.DNSNames, webhookName+end)
	}
	server, err := cmwebhook.NewCertManagerWebhookServer(logf.Log, *given)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

func runCAInjector(ctx context.Context) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kscheme.AddToScheme, cmscheme.AddToScheme, apiext.AddToScheme, apireg.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	given := ctrl.GetConfigOrDie()
	// It applies as the manager of this name, and the API server refuses an empty one.
	given.UserAgent = "cert-manager-cainjector"
	manager, err := ctrl.NewManager(given, ctrl.Options{
		Scheme:  scheme,
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics: metricsserver.Options{BindAddress: listens},
	})
	if err != nil {
		return err
	}
	err = cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   true,
			cainjector.ValidatingWebhookConfigurationName: true,
			cainjector.APIServiceName:                     true,
			cainjector.CustomResourceDefinitionName:       true,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
