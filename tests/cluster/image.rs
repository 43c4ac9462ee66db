//! The image as Kubernetes would run it, after the manifests in `infra/kubernetes`: its last stage is built around the binary
//! under test, and every container has the arguments, variables, user, volumes and probes that its manifest gives it. What
//! is not there is Kubernetes: limits, policies and the network between pods.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gauntlet_servers::free_port;
use gauntlet_tests::{Digest, Dir, Json, Run, Started, binary, recorded, repository};

use crate::{Installation, services};

type Variables = BTreeMap<String, String>;

fn script(args: &[&str]) -> String {
    let output = std::process::Command::new(repository().join("infra/image")).args(args).output().unwrap();
    assert!(output.status.success(), "infra/image {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The files of an image and what it says of itself, until it is dropped.
struct Image {
    container: String,
    root: PathBuf,
    settings: Json,
}

impl Image {
    fn of(tag: &str) -> Image {
        script(&["build", "--binary", binary().to_str().unwrap(), "--tag", tag]);
        let container = script(&["buildah", "from", "--quiet", tag]);
        let root = PathBuf::from(script(&["buildah", "mount", &container]));
        let described: Json =
            serde_json::from_str(&script(&["buildah", "inspect", "--type", "image", tag])).unwrap();
        Image { container, root, settings: described["Docker"]["config"].clone() }
    }

    fn environment(&self) -> Variables {
        let pairs = self.settings["Env"].as_array().unwrap().iter();
        pairs
            .map(|pair| {
                let (name, value) = pair.as_str().unwrap().split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        script(&["buildah", "rm", &self.container]);
    }
}

/// The documents of a manifest.
fn manifest(name: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(repository().join("infra/kubernetes").join(name)).unwrap();
    // Kubernetes takes a number with a zero before it as octal, as YAML 1.1 has it.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_multiple_with_options(&text, options).unwrap()
}

/// A pod: its specification, its volumes, and what a container in it runs on.
struct Pod<'a> {
    image: &'a Image,
    spec: Json,
    ordinal: u64,
    /// Over those of the manifest: where this installation's services are.
    addresses: Variables,
    volumes: Dir,
}

impl<'a> Pod<'a> {
    /// Pod number `index` of what a document describes.
    fn new(image: &'a Image, document: &Json, index: u64, addresses: &Variables) -> Pod<'a> {
        let spec = document["spec"]["template"]["spec"].clone();
        let start = document["spec"]["ordinals"]["start"].as_u64().unwrap_or(0);
        let pod =
            Pod { image, spec, ordinal: start + index, addresses: addresses.clone(), volumes: Dir::new() };
        for volume in pod.spec["volumes"].as_array().unwrap() {
            pod.make_volume(volume);
        }
        pod
    }

    /// Group and modes are those that the kubelet gives.
    fn make_volume(&self, volume: &Json) {
        let folder = self.volumes.path(volume["name"].as_str().unwrap());
        let group = u32::try_from(self.spec["securityContext"]["fsGroup"].as_u64().unwrap()).unwrap();
        let own = |path: &Path, mode| {
            chown(path, Some(0), Some(group)).unwrap();
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        };
        std::fs::create_dir(&folder).unwrap();
        if volume.get("emptyDir").is_some() {
            return own(&folder, 0o2777);
        }
        let mode = u32::try_from(volume["secret"]["defaultMode"].as_u64().unwrap()).unwrap();
        for (name, secret) in [("lake-key-id", "gauntlet"), ("lake-secret-key", "not checked")] {
            let file = folder.join(name);
            std::fs::write(&file, secret).unwrap();
            own(&file, mode);
        }
        own(&folder, 0o2750);
    }

    fn environment(&self, container: &Json) -> Variables {
        let mut all = self.image.environment();
        let shared = manifest("configuration.yaml").remove(0);
        for from in container["envFrom"].as_array().unwrap() {
            assert_eq!(from["configMapRef"]["name"], shared["metadata"]["name"]);
            let pairs = shared["data"].as_object().unwrap().iter();
            all.extend(pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
        }
        for variable in container["env"].as_array().unwrap() {
            let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                Some("metadata.labels['apps.kubernetes.io/pod-index']") => self.ordinal.to_string(),
                Some(other) => panic!("{other} is not known"),
                None => variable["value"].as_str().unwrap().to_owned(),
            };
            all.insert(variable["name"].as_str().unwrap().to_owned(), value);
        }
        // The services of the tests have neither passwords nor certificates; the lake's keys come from the secret.
        all.retain(|name, _| !["_USER", "_PASSWORD", "_CA_FILE"].iter().any(|end| name.ends_with(end)));
        all.extend(self.addresses.clone());
        all
    }

    /// A command in one of its containers; without one that of the manifest.
    fn command(&self, container: &Json, command: Option<&[&str]>) -> gauntlet_tests::Command {
        let (of_pod, own) = (&self.spec["securityContext"], &container["securityContext"]);
        assert_eq!(
            (&own["readOnlyRootFilesystem"], &own["allowPrivilegeEscalation"]),
            (&true.into(), &false.into())
        );
        assert_eq!(own["capabilities"]["drop"], serde_json::json!(["ALL"]));
        let mut run = std::process::Command::new(repository().join("tests/cluster/container"));
        run.arg(&self.image.root).arg(format!("{}:{}", of_pod["runAsUser"], of_pod["runAsGroup"]));
        run.arg(self.image.settings["WorkingDir"].as_str().unwrap());
        for mounted in container["volumeMounts"].as_array().unwrap() {
            let (name, path) = (mounted["name"].as_str().unwrap(), mounted["mountPath"].as_str().unwrap());
            // The runtime makes the place where something is mounted.
            std::fs::create_dir_all(self.image.root.join(path.trim_start_matches('/'))).unwrap();
            let manner = if mounted["readOnly"] == true { ":ro" } else { "" };
            run.arg(format!("{}:{path}{manner}", self.volumes.path(name).display()));
        }
        run.arg("--");
        let words = |list: &Json| -> Vec<String> {
            list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        match command {
            Some(command) => run.args(command),
            None => run.args(words(&self.image.settings["Entrypoint"])).args(words(&container["args"])),
        };
        run.env_clear();
        let command = gauntlet_tests::Command::isolated(run);
        self.environment(container).iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    /// The containers of a kind, in the order in which the kubelet starts them.
    fn containers(&self, kind: &str) -> Vec<Json> {
        self.spec[kind].as_array().cloned().unwrap_or_default()
    }

    /// A command in the pod, as `kubectl exec` runs it.
    fn exec(&self, command: &[&str]) -> Run {
        self.command(&self.containers("containers")[0], Some(command)).run()
    }

    fn gauntlet(&self, args: &[&str]) -> Json {
        let run = self.exec(&[&["gauntlet", "--json"][..], args].concat());
        assert_eq!(run.code, Some(0), "{run}");
        run.json()
    }
}

/// A pod at work.
struct Replica<'a> {
    pod: Pod<'a>,
    process: Started,
    metrics: String,
}

impl<'a> Replica<'a> {
    fn start(mut pod: Pod<'a>) -> Replica<'a> {
        // Pods have networks of their own; here all are on one.
        let metrics = format!("127.0.0.1:{}", free_port());
        pod.addresses.insert("GAUNTLET_LISTEN".into(), format!("127.0.0.1:{}", free_port()));
        pod.addresses.insert("GAUNTLET_TELEMETRY__LISTEN".into(), metrics.clone());
        let process = pod.command(&pod.containers("containers")[0], None).start();
        Replica { pod, process, metrics }
    }

    /// Asks a probe until it says yes, as long as the manifest gives it.
    fn wait_for(&mut self, probe: &str) {
        let container = self.pod.containers("containers").remove(0);
        let probe = &container[probe];
        let command: Vec<&str> =
            probe["exec"]["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let startup = &container["startupProbe"];
        let patience =
            startup["periodSeconds"].as_u64().unwrap() * startup["failureThreshold"].as_u64().unwrap();
        let began = Instant::now();
        loop {
            let asked = self.pod.exec(&command);
            if asked.code == Some(0) {
                return;
            }
            assert!(!self.process.has_ended(), "the container has ended, {asked}");
            assert!(began.elapsed() < Duration::from_secs(patience), "{asked}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Records that its processors have taken in.
    fn consumed(&self) -> f64 {
        let (status, text) = gauntlet_tests::http::request(&self.metrics, "GET", "/metrics", &[], b"");
        assert_eq!(status, 200, "{text}");
        let counts = text.lines().filter(|line| line.starts_with("gauntlet_records_consumed_total"));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

/// Where an installation's services are; the lake's keys come from the files of the secret.
fn addresses(installation: &Installation) -> Variables {
    let mut addresses: Variables = installation.environment.iter().cloned().collect();
    addresses.extend([
        ("GAUNTLET_KAFKA__PROPERTIES".into(), "{}".into()),
        ("GAUNTLET_KAFKA__REPLICATION".into(), "1".into()),
        ("GAUNTLET_CQL__REPLICATION".into(), "1".into()),
    ]);
    let keys = [("'gauntlet'", "lake-key-id"), ("'not checked'", "lake-secret-key")];
    for (key, file) in keys {
        let lake = addresses.get_mut("GAUNTLET_LAKE__PROPERTIES").unwrap();
        let from_file = format!("'${{file:/run/secrets/gauntlet/{file}}}'");
        assert!(lake.contains(key));
        *lake = lake.replace(key, &from_file);
    }
    addresses
}

/// Whether this process may do what a container engine does. Others can run the rest of the tests.
fn may_mount() -> bool {
    let mut mount = std::process::Command::new("unshare");
    mount.args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
    let may = mount.output().is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("no private mounts here: the image is neither built nor run");
    }
    may
}

#[test]
fn the_image_runs_as_the_manifests_say_and_comes_to_the_recorded_digest() {
    if !may_mount() {
        return;
    }
    let image = Image::of("localhost/gauntlet:test");
    assert_eq!(image.settings["User"], "10001:10001");
    assert_eq!(image.settings["Healthcheck"]["Test"], serde_json::json!(["CMD", "gauntlet-probe", "readyz"]));
    let lake = std::fs::metadata(image.root.join("var/lib/gauntlet/lake")).unwrap();
    assert_eq!(
        (lake.uid(), lake.gid(), lake.mode() & 0o777),
        (10_001, 10_001, 0o750),
        "a volume takes these over"
    );

    let addresses = addresses(&Installation::planned(services(), "image", 4));
    // A second time, as for the next release, it changes nothing.
    for _ in 0..2 {
        let setup = Pod::new(&image, &manifest("setup.yaml")[0], 0, &addresses);
        for container in setup.containers("initContainers").iter().chain(&setup.containers("containers")) {
            let run = setup.command(container, None).run();
            assert_eq!(run.code, Some(0), "{}: {run}", container["name"]);
        }
    }
    let replicas = |name: &str| {
        let document = manifest(name).remove(0);
        [0, 1].map(|index| Replica::start(Pod::new(&image, &document, index, &addresses)))
    };
    let mut all: Vec<Replica<'_>> = ["core.yaml", "workers.yaml"].into_iter().flat_map(replicas).collect();
    for replica in &mut all {
        replica.wait_for("startupProbe");
        replica.wait_for("readinessProbe");
    }
    let core = &all[0].pod;
    for (path, refusal) in [("/x", "Read-only"), ("/run/secrets/gauntlet/lake-key-id", "denied"), ("x", "")] {
        let touched = core.exec(&["touch", path]);
        assert_eq!(
            (touched.code == Some(0), touched.stderr.contains(refusal)),
            (refusal.is_empty(), true),
            "{touched}"
        );
    }
    core.gauntlet(&["demo", "--no-serve"]);
    Digest::of(&core.gauntlet(&["digest"])).assert_equals(&recorded(), "pods of the image");
    assert_eq!(core.gauntlet(&["verify"])["ok"], true);
    assert_eq!(core.gauntlet(&["replay", "--all"])["identical"], true);
    for worker in all.iter().filter(|replica| replica.pod.ordinal >= 100) {
        assert!(worker.consumed() > 0.0, "{} had nothing to do", worker.pod.ordinal);
    }
    for mut replica in all {
        replica.wait_for("livenessProbe");
        let grace = replica.pod.spec["terminationGracePeriodSeconds"].as_u64().unwrap();
        let began = Instant::now();
        replica.process.signal("TERM");
        let run = replica.process.wait();
        assert_eq!(run.code, Some(0), "{run}");
        assert!(began.elapsed() < Duration::from_secs(grace));
    }
}
