"""What is said in several places must agree: configuration, images, manifests, topics. Schemas cannot see that.

Reads files alone. Prints how much was compared, or what differs; exit code 1 then.
"""

import json
import pathlib
import re
import sys

import jsonschema
import yaml

INFRA = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = INFRA.parent
KUBERNETES = INFRA / "kubernetes"
# Where metrics and health, and no commands, are served to others.
METRICS_PORT = 9464
# Variables with Gauntlet's prefix that are no keys of the configuration.
NOT_KEYS = {"GAUNTLET_PROFILE", "GAUNTLET_CONFIG"}
# Secrets that the installation makes; README.md says what is in them.
SECRETS = {"gauntlet-setup", "gauntlet-core", "gauntlet-workers", "gauntlet-scaler"}
SECRET_FILES = {
    "ca.crt", "kafka-user", "kafka-password", "registry-password", "cql-password", "lake-key-id", "lake-secret-key",
}
# Keys whose values name the services that pods speak to.
ADDRESSES = ("KAFKA__BOOTSTRAP_SERVERS", "REGISTRY__URL", "CQL__NODES", "LAKE__PROPERTIES")

problems = []
compared = 0


def must(holds, what):
    """Counts one comparison."""
    global compared
    compared += 1
    if not holds:
        problems.append(what)


def text(path):
    """A file of the repository."""
    return (REPOSITORY / path).read_text(encoding="utf-8")


def documents(path):
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def first(pattern, where):
    """The first group of a pattern in a file of the repository."""
    found = re.search(pattern, text(where), re.MULTILINE)
    if not found:
        sys.exit(f"{where}: nothing matches {pattern}: this check has to be adapted")
    return found.group(1)


SCHEMA = json.loads(text("configs/config.schema.json"))


def is_key(variable):
    """Whether a variable is a key of the configuration."""
    node = SCHEMA
    for part in variable.removeprefix("GAUNTLET_").lower().split("__"):
        node = node.get("properties", {}).get(part)
        if node is None:
            return False
        if "$ref" in node:
            node = SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return "properties" not in node


def keys(variables, where):
    """Gauntlet refuses to start with a key that it does not know."""
    for variable in variables:
        if variable.startswith("GAUNTLET_") and variable not in NOT_KEYS:
            must(is_key(variable), f"{where}: {variable} is no key of configs/config.schema.json")


def properties(value, where):
    """The properties of librdkafka, a map in one variable; their passwords are never in it."""
    found = yaml.safe_load(value)
    must(isinstance(found, dict) and found.get("security.protocol") == "sasl_ssl", f"{where}: not encrypted")
    must(str(found.get("sasl.password", "")).startswith("${file:"), f"{where}: the password is not in a file")
    return found


def composes(version):
    """The compose files."""
    for path in sorted(INFRA.glob("compose*.yaml")):
        model, = documents(path)
        for name, service in model["services"].items():
            where = f"{path.name}, {name}"
            environment = service.get("environment", {})
            keys(environment, where)
            for port in service.get("ports", []):
                must(str(port).startswith("127.0.0.1:"), f"{where}: port {port} is not bound to 127.0.0.1")
            limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
            must({"cpus", "memory"} <= set(limits), f"{where}: no limits of cpu and memory")
            must(re.fullmatch(r"[\w/.-]+:[\w.-]*\d[\w.-]*", service["image"]), f"{where}: image without a version")
            is_ours = service["image"].startswith("gauntlet:")
            must(is_ours or "healthcheck" in service, f"{where}: no health check")
            for config in service.get("configs", []):
                must((INFRA / model["configs"][config["source"]]["file"]).is_file(), f"{where}: no file of {config}")
            for volume in service.get("volumes", []):
                must(volume.split(":")[0] in model["volumes"], f"{where}: volume {volume} is not declared")
            if is_ours:
                must(service["image"] == f"gauntlet:{version}", f"{where}: not version {version} of Cargo.toml")
                must(service.get("read_only") is True, f"{where}: the root file system can be written")
                must("ports" not in service, f"{where}: Gauntlet is published")
            if "GAUNTLET_KAFKA__PROPERTIES" in environment:
                # Compose makes one dollar of two.
                found = properties(environment["GAUNTLET_KAFKA__PROPERTIES"].replace("$$", "$"), where)
                for value in [*found.values(), *environment.values()]:
                    for secret in re.findall(r"/run/secrets/(\w+)", str(value)):
                        must(secret in service["secrets"] and secret in model["secrets"], f"{where}: no secret {secret}")
    services = documents(INFRA / "compose.yaml")[0]["services"]
    watching = {name for name, service in services.items() if "observability" in service.get("profiles", [])}
    used = [service for name, service in services.items() if name not in watching]
    published = {port.split(":")[1] for service in used for port in service.get("ports", [])}
    local = re.findall(r"localhost:(\d+)", text("configs/cluster.yaml"))
    must(len(local) == 3 and set(local) == published, f"configs/cluster.yaml names {local}, compose.yaml {published}")
    images = {name: service["image"] for name, service in services.items()}
    pom = "tests/servers/files/{}-pom.xml"
    for name, tested in {
        "kafka": first(r"<artifactId>kafka_2\.13</artifactId><version>([\d.]+)<", pom.format("kafka")),
        "cassandra": first(r"<artifactId>cassandra-all</artifactId><version>([\d.]+)<", pom.format("cassandra")),
        "registry": first(r"apicurio-registry-app:([\d.]+):", "tests/servers/src/registry.rs"),
    }.items():
        must(images[name].endswith(f":{tested}"), f"compose.yaml: {name} is not {tested}, with which the tests run")


def pod(where, spec, config, names):
    """A pod: rights, references, what it is told."""
    context = spec.get("securityContext", {})
    must(context.get("runAsNonRoot") is True, f"{where}: may run as root")
    must(context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: no seccomp profile")
    must(spec.get("automountServiceAccountToken") is False, f"{where}: has a token for Kubernetes")
    must(spec.get("serviceAccountName") in names["ServiceAccount"], f"{where}: unknown service account")
    must(spec.get("enableServiceLinks") is False, f"{where}: services would add variables that Gauntlet refuses")
    volumes = {volume["name"] for volume in spec["volumes"]}
    for volume in spec["volumes"]:
        if "persistentVolumeClaim" in volume:
            must(volume["persistentVolumeClaim"]["claimName"] in names["PersistentVolumeClaim"], f"{where}: no claim")
        if "secret" in volume:
            must(volume["secret"]["secretName"] in SECRETS, f"{where}: a secret that README.md does not name")
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        here = f"{where}, {container['name']}"
        rights = container.get("securityContext", {})
        must(rights.get("readOnlyRootFilesystem") is True, f"{here}: the root file system can be written")
        must(rights.get("allowPrivilegeEscalation") is False, f"{here}: may gain rights")
        must(rights.get("capabilities") == {"drop": ["ALL"]}, f"{here}: keeps capabilities")
        # Which takes no commands; whoever serves has it.
        ports = [{"name": "metrics", "containerPort": METRICS_PORT}] if "livenessProbe" in container else []
        must(container.get("ports", []) == ports, f"{here}: its port is not the one for metrics alone")
        for kind in ("requests", "limits"):
            must({"cpu", "memory"} <= set(container["resources"][kind]), f"{here}: no {kind} of cpu and memory")
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        must(set(mounts) <= volumes, f"{here}: mounts a volume that is not there")
        must(config["GAUNTLET_DIR"] in mounts.values(), f"{here}: nothing is mounted where it writes")
        must([source["configMapRef"]["name"] for source in container["envFrom"]] == ["gauntlet"], f"{here}: no config")
        keys([variable["name"] for variable in container["env"]], here)


def manifests(version, plan):
    """The manifests."""
    listed = documents(KUBERNETES / "kustomization.yaml")[0]
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    must(set(listed["resources"]) == files, "kustomization.yaml does not list the files beside it")
    must(listed["images"] == [{"name": "gauntlet", "newTag": version}], f"kustomization.yaml: not version {version}")
    every = [document for name in sorted(files) for document in documents(KUBERNETES / name)]
    names, by_kind = {}, {}
    for document in every:
        names.setdefault(document["kind"], set()).add(document["metadata"]["name"])
        by_kind.setdefault(document["kind"], []).append(document)
        is_namespace = document["kind"] == "Namespace"
        must(is_namespace or document["metadata"]["namespace"] == "gauntlet", f"{document['kind']}: no namespace")
    must("Secret" not in by_kind, "a secret's values are in the repository")
    config = by_kind["ConfigMap"][0]["data"]
    keys(config, "configuration.yaml")
    found = properties(config["GAUNTLET_KAFKA__PROPERTIES"], "configuration.yaml")
    lake = yaml.safe_load(config["GAUNTLET_LAKE__PROPERTIES"])
    must(lake["aws_endpoint"].startswith("https://"), "configuration.yaml: the lake is not encrypted")
    must(lake["aws_secret_access_key"].startswith("${file:"), "configuration.yaml: the lake's key is not in a file")
    for value in [*found.values(), *config.values()]:
        for name in re.findall(r"/run/secrets/gauntlet/([\w.-]+)", str(value)):
            must(name in SECRET_FILES, f"configuration.yaml: README.md names no file {name} in the secrets")

    running, numbers, labels = [], [], []
    for workload in [*by_kind["StatefulSet"], *by_kind["Job"]]:
        where, spec = workload["metadata"]["name"], workload["spec"]
        template = spec["template"]
        pod(where, template["spec"], config, names)
        for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
            must(container["image"] == f"gauntlet:{version}", f"{where}: not version {version} of Cargo.toml")
        labels.append(template["metadata"]["labels"])
        if workload["kind"] == "Job":
            continue
        selector = spec["selector"]["matchLabels"]
        must(selector.items() <= labels[-1].items(), f"{where}: its selector is not on its pods")
        must(spec["serviceName"] in names["Service"], f"{where}: no service {spec['serviceName']}")
        must(template["spec"]["terminationGracePeriodSeconds"] >= 30, f"{where}: no time to drain")
        container, = template["spec"]["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            command = container[probe]["exec"]["command"]
            must(command[0] == "gauntlet-probe" and command[1] in ("healthz", "readyz"), f"{where}: {probe}")
            must(container[probe]["timeoutSeconds"] > 5, f"{where}: {probe} gives up before the probe itself does")
        instance = next(v for v in container["env"] if v["name"] == "GAUNTLET_RUNTIME__INSTANCE")
        must("pod-index" in instance["valueFrom"]["fieldRef"]["fieldPath"], f"{where}: pods share a number")
        must(container["args"][0] == "run", f"{where}: does not run processors")
        processors = container["args"][1:]
        running += plan["access"] if processors == ["all"] else processors
        numbers.append((spec.get("ordinals", {}).get("start", 0), where))
        budgets = [b for b in by_kind["PodDisruptionBudget"] if b["spec"]["selector"]["matchLabels"] == selector]
        must(len(budgets) == 1, f"{where}: no disruption budget of its own")
    must(sorted(running) == sorted(plan["access"]), f"processors that run: {sorted(running)}: not each of them once")
    starts = sorted(numbers)
    must(all(b[0] - a[0] >= 100 for a, b in zip(starts, starts[1:])), f"instance numbers could meet: {starts}")

    policy, = by_kind["NetworkPolicy"]
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    must(all(chosen.items() <= label.items() for label in labels), "network.yaml does not choose every pod")
    must(policy["spec"]["ingress"] == [] and "Ingress" in policy["spec"]["policyTypes"], "network.yaml lets somebody in")
    out = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    must(all("to" in rule for rule in policy["spec"]["egress"]), "network.yaml lets traffic out to anywhere")
    must(config["GAUNTLET_TELEMETRY__LISTEN"] == f"0.0.0.0:{METRICS_PORT}", "configuration.yaml: metrics lie elsewhere")
    addresses = " ".join(config[f"GAUNTLET_{key}"] for key in ADDRESSES)
    wanted = {int(port) for port in re.findall(r":(\d+)", addresses)}
    must(out == wanted | {53}, f"network.yaml lets out to {sorted(out)}, configuration.yaml names {sorted(wanted)}")
    return config, numbers


def autoscaling(config, numbers, plan):
    """What Kubernetes' own schemas do not know: KEDA's objects, against the part of their schema that is used here."""
    schema = json.loads((INFRA / "checks" / "keda.schema.json").read_text(encoding="utf-8"))
    found = documents(KUBERNETES / "autoscaling" / "workers.yaml")
    for document in found:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            must(False, f"autoscaling, {document.get('kind')}, {error.json_path}: {error.message}")
        must(True, "")
    scaled, login = found
    spec, prefix = scaled["spec"], config["GAUNTLET_TOPICS__PREFIX"]
    must(spec["scaleTargetRef"]["name"] in {name for _, name in numbers}, "autoscaling: no such stateful set")
    partitions = int(config["GAUNTLET_TOPICS__PARTITIONS"])
    must(spec["maxReplicaCount"] <= partitions, f"autoscaling: more pods than {partitions} partitions")
    for trigger in spec["triggers"]:
        about = trigger["metadata"]
        group = about["consumerGroup"].removeprefix(prefix)
        must(group in plan["access"], f"autoscaling: no group {about['consumerGroup']}")
        topics = [prefix + topic for topic in plan["access"].get(group, {}).get("read", [])]
        must(about["topic"] in topics, f"autoscaling: {group} does not read {about['topic']}")
        must(about["bootstrapServers"] == config["GAUNTLET_KAFKA__BOOTSTRAP_SERVERS"], "autoscaling: other brokers")
        must(int(about["lagThreshold"]) > partitions, f"autoscaling: idle topics lag by {partitions}, see the comment")
        must(trigger["authenticationRef"]["name"] == login["metadata"]["name"], "autoscaling: no such login")
    for secret in login["spec"]["secretTargetRef"]:
        must(secret["name"] in SECRETS and secret["key"] in SECRET_FILES, f"autoscaling: no secret {secret}")


def monitoring():
    """Who may scrape, and what: the operator's object is checked here for the few fields that it has."""
    folder = KUBERNETES / "monitoring"
    pods, = documents(folder / "pods.yaml")
    spec = pods["spec"]
    must((pods["kind"], pods["apiVersion"]) == ("PodMonitor", "monitoring.coreos.com/v1"), "monitoring: no PodMonitor")
    must(set(spec) == {"selector", "jobLabel", "podMetricsEndpoints"}, f"monitoring: unknown fields in {sorted(spec)}")
    endpoint, = spec["podMetricsEndpoints"]
    must((endpoint["port"], endpoint["path"]) == ("metrics", "/metrics"), "monitoring: asks elsewhere")
    label = spec["jobLabel"]
    must(spec["selector"]["matchLabels"].get(label) == "gauntlet", "monitoring: the alerts look for the job gauntlet")
    policy, = documents(folder / "network.yaml")
    must(policy["spec"]["podSelector"] == spec["selector"], "monitoring: other pods are scraped than may be")
    rule, = policy["spec"]["ingress"]
    must([port["port"] for port in rule["ports"]] == [METRICS_PORT] and "from" in rule, "monitoring: lets in too much")
    listed = documents(folder / "kustomization.yaml")[0]["resources"]
    must(set(listed) == {"pods.yaml", "network.yaml"}, "monitoring: kustomization.yaml does not list the files beside it")
    compose = documents(INFRA / "compose.yaml")[0]["x-gauntlet"]["environment"]["GAUNTLET_TELEMETRY__LISTEN"]
    target = documents(INFRA / "observability" / "prometheus.yaml")[0]["scrape_configs"][0]["static_configs"][0]["targets"]
    must(compose == f"0.0.0.0:{METRICS_PORT}" and target == [f"gauntlet:{METRICS_PORT}"], "compose: scraped elsewhere")


def main():
    """All of it."""
    version = first(r'^version = "([^"]+)"', "Cargo.toml")
    rust = first(r'^rust-version = "([^"]+)"', "Cargo.toml")
    plan = json.loads((INFRA / "checks" / "topics-plan.json").read_text(encoding="utf-8"))
    dockerfile = text("infra/Dockerfile")
    must(f"FROM rust:{rust}-" in dockerfile, f"Dockerfile: not Rust {rust} of Cargo.toml")
    must(f"ARG VERSION={version}\n" in dockerfile, f"Dockerfile: not version {version} of Cargo.toml")
    ignored = text(".dockerignore").splitlines()
    must({"*", ".git", "target"} <= set(ignored), ".dockerignore: the build context is not closed")
    # Cargo needs every member of the workspace, even those that are not built.
    for member in re.findall(r'"([\w/*-]+)"', first(r"^members = \[(.*)\]", "Cargo.toml")):
        must(f"!{member.split('/')[0]}" in ignored, f".dockerignore: {member} of Cargo.toml is left out")
    declared = text("crates/domain/src/topics.rs")
    topics = re.findall(r'^    [A-Z_]+ = "([^"]+)", key', declared, re.MULTILINE)
    planned = {topic["topic"].removeprefix("gauntlet.") for topic in plan["topics"]}
    must(len(topics) >= 15 and set(topics) <= planned, "topics-plan.json is older than the table of topics: record it again")
    composes(version)
    config, numbers = manifests(version, plan)
    autoscaling(config, numbers, plan)
    monitoring()
    readme = text("infra/README.md")
    for name in sorted(SECRETS | SECRET_FILES):
        must(f"`{name}`" in readme, f"README.md does not name {name}")
    for problem in problems:
        print(problem)
    if compared < 200:
        sys.exit(f"only {compared} comparisons: the files were not read")
    print(f"{compared} comparisons")
    sys.exit(1 if problems else 0)


main()
