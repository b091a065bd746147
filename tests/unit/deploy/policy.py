"""Our own rules for what runs in a cluster. Each returns the faults that it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from services.chassis.security.access_rules import read_access
from tests.unit.deploy.operator_policy import operators_confine_their_pods
from tests.unit.deploy.overlays import Document, of_kind, workloads
from tools.kubernetes import settings
from tools.kubernetes.autoscaling import queues_of
from tools.kubernetes.secrets import secret_names
from tools.runner.config.manifest import read_manifest
from tools.runner.config.paths import REPO

ELSEWHERE = {
    ("Secret", "pictures"),  # of the owner of the bucket
    ("Secret", "microgram-tls"),  # of cert-manager
    ("PersistentVolumeClaim", "redis-redis-0"),  # of the Redis operator
}
"""What others make (docs/kubernetes.md)."""

_HIDDEN = ("password", "secret", "token", "accesskey", "connectionstring")
_REDIS_VERSION = re.compile(r"(?:^|/)redis:v?(\d+\.\d+)")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def name_of(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def containers_are_bounded(documents: list[Document]) -> Iterator[str]:
    for where, container, _ in _containers(documents):
        for kind in ("requests", "limits"):
            given = container.get("resources", {}).get(kind, {})
            for what in {"cpu", "memory"} - given.keys():
                yield f"{where} has no {kind} of {what}"


def containers_are_probed(documents: list[Document]) -> Iterator[str]:
    for where, container, workload in _containers(documents):
        if workload["kind"] != "CronJob":
            yield from (f"{where} has no {probe}" for probe in _PROBES if probe not in container)


def containers_are_confined(documents: list[Document]) -> Iterator[str]:
    for where, container, _ in _containers(documents):
        context = container.get("securityContext", {})
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{where} may write to its root"
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{where} may gain privileges"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{where} keeps capabilities"


def images_have_versions(documents: list[Document]) -> Iterator[str]:
    for where, container, _ in _containers(documents):
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"{where} runs an image without a version"


def redis_has_one_version(documents: list[Document]) -> Iterator[str]:
    """A server cannot read what a later version wrote: neither a copy nor a log."""
    images = [container["image"] for _, container, _ in _containers(documents)]
    images += [each["spec"]["kubernetesConfig"]["image"] for each in of_kind(documents, "Redis")]
    found = {match[1] for image in images if (match := _REDIS_VERSION.search(image))}
    if len(found) > 1:
        yield f"Redis has the versions {' and '.join(sorted(found))}"


def pods_are_nobody(documents: list[Document]) -> Iterator[str]:
    """No root, no token of the API server, nothing of the node."""
    accounts = {each["metadata"]["name"] for each in of_kind(documents, "ServiceAccount")}
    for workload, template in workloads(documents):
        pod, where = template["spec"], name_of(workload)
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{where} may run as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{where} may use every system call"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{where} mounts a token"
        if pod.get("serviceAccountName") not in accounts:
            yield f"{where} has no ServiceAccount of its own"
        if {"hostNetwork", "hostPID", "hostIPC"} & pod.keys():
            yield f"{where} shares something of its node"
        for volume in pod.get("volumes", ()):
            if "hostPath" in volume:
                yield f"{where} mounts a folder of its node"


def workloads_are_covered(documents: list[Document]) -> Iterator[str]:
    """Each has a budget for evictions, and a policy for its network."""
    for workload, template in workloads(documents):
        labels = template["metadata"]["labels"]
        if workload["kind"] != "CronJob" and not _selecting(
            documents, "PodDisruptionBudget", "selector", labels
        ):
            yield f"{name_of(workload)} has no PodDisruptionBudget"
        if not _selecting(documents, "NetworkPolicy", "podSelector", labels):
            yield f"{name_of(workload)} has no NetworkPolicy"


def nothing_is_open_by_default(documents: list[Document]) -> Iterator[str]:
    whole = [
        each for each in of_kind(documents, "NetworkPolicy") if not each["spec"]["podSelector"]
    ]
    if not any({"Ingress", "Egress"} <= set(each["spec"]["policyTypes"]) for each in whole):
        yield "no NetworkPolicy denies by default"
    for policy in of_kind(documents, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            if not rule.get("from"):
                yield f"{name_of(policy)} lets everybody in"
    for space in of_kind(documents, "Namespace"):
        if space["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{name_of(space)} lets pods run that are not restricted"


def components_have_scopes(documents: list[Document]) -> Iterator[str]:
    for component in of_kind(documents, "Component"):
        if not component.get("scopes"):
            yield f"{name_of(component)} may be used by everybody"


def components_find_their_logins(documents: list[Document]) -> Iterator[str]:
    given = {
        app: {pair.partition("=")[0] for pair in _listed(own, "env-from-secret")}
        for app, own in _sidecars(documents)
    }
    for component in of_kind(documents, "Component"):
        wanted = {item["envRef"] for item in component["spec"]["metadata"] if "envRef" in item}
        for app in component.get("scopes", ()):
            for variable in wanted - given.get(app, set()):
                yield f"{name_of(component)} finds no {variable} in the sidecar of {app}"


def every_app_is_there(documents: list[Document]) -> Iterator[str]:
    wanted = {app.app_id for app in read_manifest(REPO / "dapr.yaml")}
    there = {app for app, _ in _sidecars(documents)}
    yield from (f"{app} of dapr.yaml is missing" for app in sorted(wanted - there))
    yield from (f"{app} is not in dapr.yaml" for app in sorted(there - wanted))


def sidecars_are_confined(documents: list[Document]) -> Iterator[str]:
    wanted = {"enabled": "true", "disable-builtin-k8s-secret-store": "true"}
    wanted |= {"sidecar-seccomp-profile-type": "RuntimeDefault", "enable-native-sidecar": "true"}
    limits = ("sidecar-cpu-limit", "sidecar-memory-limit", "max-body-size", "app-token-secret")
    for app, given in _sidecars(documents):
        for key, value in wanted.items():
            if given.get(f"dapr.io/{key}") != value:
                yield f"the sidecar of {app} has not {key}={value}"
        for key in (*limits, "api-token-secret"):
            if not given.get(f"dapr.io/{key}"):
                yield f"the sidecar of {app} has no {key}"


def no_secret_is_in_a_file(documents: list[Document]) -> Iterator[str]:
    for document in documents:
        if document["kind"] == "Secret":
            yield f"{name_of(document)} is in a file"
        items = document["spec"].get("metadata", ()) if document["kind"] == "Component" else ()
        for item in items:
            if _is_hidden(item["name"]) and "value" in item:
                yield f"{name_of(document)} has {item['name']} in it"
    for where, container, _ in _containers(documents):
        for item in container.get("env", ()):
            if _is_hidden(item["name"]) and "value" in item:
                yield f"{where} has {item['name']} in it"


def references_exist(documents: list[Document]) -> Iterator[str]:
    there = {(each["kind"], each["metadata"]["name"]) for each in documents}
    there |= ELSEWHERE | {("Secret", name) for name in secret_names(read_access())}
    for document in documents:
        for kind, name in _references(document):
            if (kind, name) not in there:
                yield f"{name_of(document)} refers to {kind} {name}, which is not there"


def scaling_is_of_one_hand(documents: list[Document]) -> Iterator[str]:
    """Each service has one scaler, and its queues are those that its sidecar consumes."""
    scalers = of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject")
    if not scalers:  # an overlay without
        return
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in scalers]
    access = read_access()
    yield from (
        f"{app} has {targets.count(app)} scalers" for app in access if targets.count(app) != 1
    )
    for each in of_kind(documents, "ScaledObject"):
        triggers = [
            one["metadata"] for one in each["spec"]["triggers"] if one["type"] == "rabbitmq"
        ]
        wanted = queues_of(access[each["metadata"]["name"]])
        if sorted(trigger["queueName"] for trigger in triggers) != wanted:
            yield f"{name_of(each)} does not look at the queues {wanted}"
    for each in of_kind(documents, "Deployment"):
        if "replicas" in each["spec"]:
            yield f"{name_of(each)} sets a number, and its scaler another one"


def calls_may_pass(documents: list[Document]) -> Iterator[str]:
    """Who may call a service by services/access.yaml reaches its sidecar, and nobody else does."""
    access = read_access()
    policies = {
        each["metadata"]["name"]: each["spec"] for each in of_kind(documents, "NetworkPolicy")
    }
    for app in access:
        wanted = {each for callers in access[app].calls.values() for each in callers}
        came = _peers(policies.get(app, {}), "ingress", "from")
        if came - {app} != wanted:
            yield f"{app} is open to {sorted(came)}, and not to {sorted(wanted)}"
        for caller in wanted:
            if app not in _peers(policies.get(caller, {}), "egress", "to"):
                yield f"{caller} does not reach {app}"


def tls_ends_at_the_edge(documents: list[Document]) -> Iterator[str]:
    for ingress in of_kind(documents, "Ingress"):
        hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
        covered = {host for tls in ingress["spec"].get("tls", ()) for host in tls["hosts"]}
        yield from (f"{name_of(ingress)} has no TLS for {host}" for host in hosts - covered)


RULES: tuple[Callable[[list[Document]], Iterable[str]], ...] = (
    containers_are_bounded,
    containers_are_probed,
    containers_are_confined,
    images_have_versions,
    redis_has_one_version,
    pods_are_nobody,
    workloads_are_covered,
    nothing_is_open_by_default,
    components_have_scopes,
    components_find_their_logins,
    every_app_is_there,
    operators_confine_their_pods,
    sidecars_are_confined,
    no_secret_is_in_a_file,
    references_exist,
    scaling_is_of_one_hand,
    calls_may_pass,
    tls_ends_at_the_edge,
)


def _containers(documents: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    for workload, template in workloads(documents):
        pod = template["spec"]
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield f"{name_of(workload)}, container {container['name']},", container, workload


def _selecting(
    documents: list[Document], kind: str, key: str, labels: dict[str, str]
) -> list[Document]:
    found = []
    for each in of_kind(documents, kind):
        wanted = each["spec"][key].get("matchLabels", {})
        if wanted and wanted.items() <= labels.items():
            found.append(each)
    return found


def _sidecars(documents: list[Document]) -> Iterator[tuple[str, dict[str, str]]]:
    for _, template in workloads(documents):
        annotations = template["metadata"].get("annotations", {})
        if "dapr.io/app-id" in annotations:
            yield annotations["dapr.io/app-id"], annotations


def _listed(annotations: dict[str, str], key: str) -> list[str]:
    return [each for each in annotations.get(f"dapr.io/{key}", "").split(",") if each]


def _is_hidden(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "")
    return any(word in plain for word in _HIDDEN) and plain not in ("secretsfile", "secretstore")


def _peers(spec: Document, direction: str, key: str) -> set[str]:
    """Return the apps at the other end of the connections between sidecars."""
    found = set()
    for rule in spec.get(direction, ()):
        if settings.INTERNAL_PORT in [each["port"] for each in rule["ports"]]:
            selectors = [peer.get("podSelector", {}).get("matchLabels", {}) for peer in rule[key]]
            found |= {labels.get("app.kubernetes.io/name", "everybody") for labels in selectors}
    return found


def _references(document: Document) -> Iterator[tuple[str, str]]:
    spec = document.get("spec", {})
    for _, template in workloads([document]):
        yield from _of_pod(template["spec"])
        yield from _of_sidecar(template["metadata"].get("annotations", {}))
    for field, kind in _BY_FIELD.items():
        if field in spec:
            yield spec[field].get("kind", kind), spec[field]["name"]
    for trigger in spec.get("triggers", ()):
        if "authenticationRef" in trigger:
            yield "TriggerAuthentication", trigger["authenticationRef"]["name"]
    yield from (("Secret", each["name"]) for each in spec.get("secretTargetRef", ()))
    if document["kind"] == "Ingress":
        yield from _of_ingress(spec)
    if document["kind"] == "Redis":
        yield "Secret", spec["kubernetesConfig"]["redisSecret"]["name"]
        yield "ConfigMap", spec["redisConfig"]["additionalRedisConfig"]


_BY_FIELD = {
    "scaleTargetRef": "Deployment",
    "importCredentialsSecret": "Secret",
    "userReference": "User",
    "rabbitmqClusterReference": "RabbitmqCluster",
}
"""Fields of a specification that refer to an object, and its kind."""


def _of_ingress(spec: Document) -> Iterator[tuple[str, str]]:
    for rule in spec["rules"]:
        for path in rule["http"]["paths"]:
            yield "Service", path["backend"]["service"]["name"]
    yield from (("Secret", each["secretName"]) for each in spec.get("tls", ()))


def _of_pod(pod: Document) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", pod.get("serviceAccountName", "default")
    for volume in pod.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for container in pod["containers"]:
        for source in container.get("envFrom", ()):
            yield "ConfigMap", source["configMapRef"]["name"]
        for item in container.get("env", ()):
            if "secretKeyRef" in item.get("valueFrom", {}):
                yield "Secret", item["valueFrom"]["secretKeyRef"]["name"]


def _of_sidecar(annotations: dict[str, str]) -> Iterator[tuple[str, str]]:
    if "dapr.io/config" in annotations:
        yield "Configuration", annotations["dapr.io/config"]
    for key in ("api-token-secret", "app-token-secret"):
        if f"dapr.io/{key}" in annotations:
            yield "Secret", annotations[f"dapr.io/{key}"]
    for pair in _listed(annotations, "env-from-secret"):
        yield "Secret", pair.partition("=")[2].partition(":")[0]
