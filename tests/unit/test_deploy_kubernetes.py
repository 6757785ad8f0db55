"""The manifests are Kubernetes' own by its schemas, name each other rightly, and give settings that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from service.cli import app
from service.config.loading import load_settings
from service.config.secret_files import CREDENTIALS_VARIABLE
from service.ingest.process import check

pytestmark = pytest.mark.files

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
KUSTOMIZATION: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
VERSION: Final = "1.31"
"""Of Kubernetes: the oldest that its makers still mend is newer."""
OF_OTHERS: Final = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that operators bring, of which Kubernetes has no schema."""
Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    files = [FOLDER / name for name in KUSTOMIZATION["resources"]]
    return [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def the(kind: str, name: str) -> Manifest:
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def component(name: str) -> Manifest:
    """What an overlay may add."""
    found: Manifest = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text(encoding="utf-8"))
    assert found["kind"] == "Component"
    return found


def resources_of(name: str) -> list[Manifest]:
    """Of a component."""
    (file,) = component(name)["resources"]
    return list(yaml.safe_load_all((FOLDER / name / file).read_text(encoding="utf-8")))


ADDED: Final = [*resources_of("letter"), *resources_of("ingest")]


def named(each: Manifest) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def labels_of(pods: Manifest) -> dict[str, str]:
    found: dict[str, str] = pods["spec"]["template"]["metadata"]["labels"]
    return found


PODS = [each for each in manifests() if "template" in each.get("spec", {})]
PODS_ADDED = [each for each in ADDED if "template" in each.get("spec", {})]


def test_every_file_is_a_resource() -> None:
    files = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}

    assert files == set(KUSTOMIZATION["resources"])
    assert len({named(each) for each in manifests()}) == len(manifests())


@pytest.mark.parametrize(
    "manifest", [each for each in [*manifests(), *ADDED] if each["kind"] not in OF_OTHERS], ids=named
)
def test_kubernetes_schemas_hold(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_the_schemas_refuse_what_is_misspelt() -> None:
    wrong = the("StatefulSet", "churn-alert-worker")
    wrong["spec"]["template"]["spec"]["containers"][0]["redinessProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("pods", [*PODS, *PODS_ADDED], ids=named)
def test_every_pod_runs_restricted_and_starts_a_command(pods: Manifest) -> None:
    spec = pods["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    command = get_command(app)
    words = container["args"]
    for word in words[: words.index("--partitions")] if "--partitions" in words else words:
        command = command.commands[word]  # type: ignore[attr-defined]

    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]  # noqa: S108 - the container's
    assert f"USER {spec['securityContext']['runAsUser']}:" in (FOLDER.parent / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "name", "port"), [("StatefulSet", "worker", 8088), ("Deployment", "deliver", 8089)])
def test_processes_are_watched_found_and_kept(kind: str, name: str, port: int) -> None:
    full = f"churn-alert-{name}"
    pods = the(kind, full)
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    probes = {key: container[key]["httpGet"] for key in ("startupProbe", "livenessProbe", "readinessProbe")}
    selectors = [
        pods["spec"]["selector"]["matchLabels"],
        the("Service", full)["spec"]["selector"],
        the("PodDisruptionBudget", full)["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", full)["spec"]["podSelector"]["matchLabels"],
        the("ServiceMonitor", full)["spec"]["selector"]["matchLabels"],
        the("Service", full)["metadata"]["labels"],
    ]

    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert all(probe["port"] == "http" for probe in probes.values())
    assert selectors == [labels_of(pods)] * len(selectors)
    assert the("ServiceMonitor", full)["spec"]["endpoints"][0]["port"] == "http"
    assert the("Service", full)["spec"]["ports"][0] == {"name": "http", "port": port, "targetPort": "http"}


def test_a_worker_is_known_by_its_pods_name_and_scaled_by_what_waits() -> None:
    worker = the("StatefulSet", "churn-alert-worker")
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    scaled = the("ScaledObject", "churn-alert-worker")["spec"]
    (trigger,) = scaled["triggers"]
    settings = load_settings()

    assert container["env"] == [
        {"name": "CHURN_ALERT_KAFKA__INSTANCE_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ]
    assert scaled["scaleTargetRef"] == {key: worker[key] for key in ("apiVersion", "kind")} | {
        "name": worker["metadata"]["name"]
    }
    assert "replicas" not in worker["spec"]
    made = the("Job", "churn-alert-topics")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert made[-2:] == ["--partitions", str(scaled["maxReplicaCount"])]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"]["consumerGroup"] == settings.kafka.group
    assert trigger["metadata"]["topic"] == settings.kafka.topics.purchases
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert f"CHURN_ALERT_KAFKA__BOOTSTRAP_SERVERS={trigger['metadata']['bootstrapServers']}" in literals()


def patches_of_secret_files() -> list[Manifest]:
    return [yaml.safe_load(each["patch"]) for each in component("secret-files")["patches"]]


@pytest.mark.parametrize("patch", patches_of_secret_files(), ids=named)
def test_secret_files_are_mounted_where_they_are_looked_for(patch: Manifest) -> None:
    pods = the(patch["kind"], patch["metadata"]["name"])["spec"]["template"]["spec"]
    (container,), added = pods["containers"], patch["spec"]["template"]["spec"]
    (mounting,) = added["containers"]

    assert mounting["name"] == container["name"]
    assert mounting["env"] == [{"name": CREDENTIALS_VARIABLE, "value": mounting["volumeMounts"][0]["mountPath"]}]
    assert mounting["volumeMounts"][0]["name"] == added["volumes"][0]["name"]
    for key in ("volumeMounts", "env"):
        assert not {each["name"] for each in mounting[key]} & {each["name"] for each in container.get(key, [])}
        container[key] = container.get(key, []) + mounting[key]
    whole = the(patch["kind"], patch["metadata"]["name"])
    whole["spec"]["template"]["spec"] = pods | {"volumes": pods["volumes"] + added["volumes"]}
    kubernetes_validate.validate(whole, VERSION, strict=True)


def test_every_pod_can_have_secret_files() -> None:
    assert {named(each) for each in patches_of_secret_files()} == {named(each) for each in PODS}


def literals() -> list[str]:
    (made,) = KUSTOMIZATION["configMapGenerator"]
    found: list[str] = made["literals"]
    return found


def test_every_variable_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for literal in literals():
        name, _, value = literal.partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHURN_ALERT_DELIVER__UNSUBSCRIBE_SECRET", "s" * 32)  # from the Secret

    settings = load_settings()

    assert the("Service", "churn-alert-page")["metadata"]["name"] in settings.web.hosts
    assert (settings.web.host, settings.deliver.host) == ("0.0.0.0", "0.0.0.0")  # noqa: S104 - a container's
    for pods in PODS:
        (container,) = pods["spec"]["template"]["spec"]["containers"]
        sources = [next(iter(each.values()))["name"] for each in container["envFrom"]]
        assert sources == [KUSTOMIZATION["configMapGenerator"][0]["name"], "churn-alert"]


def test_the_letter_is_a_component_that_switches_it_on_and_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    (added,) = component("letter")["configMapGenerator"]
    for literal in [*literals(), *added["literals"]]:
        monkeypatch.setenv(*literal.partition("=")[::2])
    service, deployment, monitor, policy = resources_of("letter")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    settings = load_settings()

    assert (added["name"], added["behavior"]) == (KUSTOMIZATION["configMapGenerator"][0]["name"], "merge")
    assert settings.letter.enabled
    assert settings.letter.to
    assert deployment["spec"]["replicas"] == 1
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert container["ports"] == [{"name": "http", "containerPort": settings.deliver.port}]
    assert [container[key]["httpGet"]["path"] for key in ("startupProbe", "livenessProbe", "readinessProbe")] == [
        "/healthz", "/healthz", "/readyz",
    ]  # fmt: skip
    assert (
        labels_of(deployment)
        == deployment["spec"]["selector"]["matchLabels"]
        == service["spec"]["selector"]
        == policy["spec"]["podSelector"]["matchLabels"]
    )


def test_the_door_is_a_component_that_shop_systems_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    (added,) = component("ingest")["configMapGenerator"]
    for literal in [*literals(), *added["literals"]]:
        monkeypatch.setenv(*literal.partition("=")[::2])
    source = json.dumps([{"kind": "shopify", "secret": "s" * 32}])
    monkeypatch.setenv("CHURN_ALERT_INGEST__SOURCES", source)  # from the Secret, as the component says
    by_kind = {each["kind"]: each for each in resources_of("ingest")}
    deployment, service = by_kind["Deployment"], by_kind["Service"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    settings = load_settings()
    check(settings)

    assert (added["name"], added["behavior"]) == (KUSTOMIZATION["configMapGenerator"][0]["name"], "merge")
    assert settings.ingest.host == "0.0.0.0"  # noqa: S104 - a container's
    assert container["ports"] == [{"name": "http", "containerPort": settings.ingest.port}]
    assert service["spec"]["ports"] == [{"name": "http", "port": settings.ingest.port, "targetPort": "http"}]
    assert [container[key]["httpGet"]["path"] for key in ("startupProbe", "livenessProbe", "readinessProbe")] == [
        "/healthz", "/healthz", "/readyz",
    ]  # fmt: skip
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        *(
            by_kind[kind]["spec"][key]["matchLabels"]
            for kind, key in (
                ("PodDisruptionBudget", "selector"),
                ("NetworkPolicy", "podSelector"),
                ("ServiceMonitor", "selector"),
            )
        ),
    ]
    assert selectors == [labels_of(deployment)] * len(selectors)


def test_the_rules_are_those_of_prometheus() -> None:
    rules = yaml.safe_load((FOLDER.parent / "prometheus" / "rules.yml").read_text(encoding="utf-8"))

    assert the("PrometheusRule", "churn-alert")["spec"] == rules
    assert len(json.dumps(rules)) > 1_000


def test_targets_have_the_jobs_that_the_alerts_speak_of() -> None:
    scraped = (FOLDER.parent / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    jobs = set(re.findall(r"job_name: (\S+)", scraped))
    everything = [*manifests(), *ADDED]
    monitored = {each["metadata"]["name"] for each in everything if each["kind"] == "ServiceMonitor"}

    assert monitored <= {each["metadata"]["name"] for each in everything if each["kind"] == "Service"}
    assert monitored == jobs | {"churn-alert-letter"}  # compose sends no letter
