//! The lake's files as objects in S3, Google Cloud Storage or Azure. The only user of `object_store`.
//!
//! Every call blocks and ends: a request has a time limit, carries at most `PART_BYTES` of a large object, and is
//! tried again only for as long as it may take. What fails for other reasons than the object itself is worth trying
//! again, and who asks decides when. Never to be called from async code.

/// Which store a URL names.
mod place;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_domain::ContentHash;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, BackoffConfig, Certificate, ClientOptions, GetOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use crate::error::LakeError;
use crate::store::{Lake, Objects};

use place::{Kind, parse};
pub use place::{is_option, usual_options};

/// Objects up to this size are put in one request.
const LARGE_BYTES: u64 = 16 << 20;

/// What one request of a large object carries.
const PART_BYTES: usize = 8 << 20;

/// Where an object says what the SHA-256 of its bytes is.
const SHA256: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sha256"));

/// After a store has not answered, who asks within this time is told so at once: a queue of requests does not wait for
/// the same silence one after the other.
const SILENCE: Duration = Duration::from_millis(400);

/// A path at which nothing is ever kept, asked for to learn whether the bucket is there and may be read.
const NOTHING: &str = "gauntlet-lake";

/// Where the objects are, and how to speak to them.
#[derive(Clone)]
pub struct ObjectStoreSettings {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
    /// Options of `object_store` by their own names, over those in the environment; see [`is_option`].
    pub options: BTreeMap<String, String>,
    /// A certificate authority besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, and how long it is tried again.
    pub timeout: Duration,
    /// Folder for copies.
    pub cache: PathBuf,
    /// Bytes of copies that are kept.
    pub room: u64,
}

impl fmt::Debug for ObjectStoreSettings {
    /// Without values of options: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreSettings")
            .field("url", &self.url)
            .field("options", &self.options.keys())
            .finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the lake in an object store, and asks it something: a store that does not answer or refuses is an error
    /// here already.
    pub fn connect(settings: &ObjectStoreSettings) -> Result<Lake, LakeError> {
        let bucket = Bucket::new(settings)?;
        match bucket.fetch(NOTHING, &mut io::sink()) {
            Ok(()) | Err(LakeError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(Lake::open(&settings.cache)?.in_front_of(Arc::new(bucket), settings.room))
    }
}

/// A builder with the environment's options, the fixed ones, and those of the settings over both.
macro_rules! built {
    ($builder:expr, $options:expr, $client_options:expr, $retry:expr) => {{
        let mut builder = $builder.with_client_options($client_options).with_retry($retry);
        for (name, value) in $options {
            match name.to_ascii_lowercase().parse() {
                Ok(key) => builder = builder.with_config(key, value),
                Err(_) => {
                    return Err(LakeError::settings(format!("lake.properties: unknown option '{name}'")));
                }
            }
        }
        let store =
            builder.build().map_err(|error| LakeError::settings(format!("lake.properties: {error}")))?;
        Box::new(store) as Box<dyn ObjectStore>
    }};
}

/// A bucket, or a part of one.
struct Bucket {
    store: Box<dyn ObjectStore>,
    prefix: ObjectPath,
    /// The store's name for people.
    name: String,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    /// When the store did not answer, and what was said.
    silent: Mutex<Option<(Instant, String)>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for Bucket {
    /// Without waiting: waiting is not allowed everywhere, and nothing of value is under way.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    fn new(settings: &ObjectStoreSettings) -> Result<Bucket, LakeError> {
        let (kind, bucket, prefix) = parse(&settings.url)?;
        let mut client = ClientOptions::new()
            .with_timeout(settings.timeout)
            .with_connect_timeout(settings.timeout.min(Duration::from_secs(5)));
        if let Some(path) = &settings.ca_file {
            let cannot =
                |what: String| LakeError::settings(format!("lake.ca_file {}: {what}", path.display()));
            let pem = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
            for certificate in
                Certificate::from_pem_bundle(&pem).map_err(|error| cannot(error.to_string()))?
            {
                client = client.with_root_certificate(certificate);
            }
        }
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        };
        let retry = RetryConfig { backoff, max_retries: 3, retry_timeout: settings.timeout };
        let options = &settings.options;
        let store = match kind {
            Kind::S3 => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
                built!(builder, options, client, retry)
            }
            Kind::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
                built!(builder, options, client, retry)
            }
            Kind::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
                built!(builder, options, client, retry)
            }
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("lake").enable_all().build();
        let runtime = runtime.map_err(|error| LakeError::io("threads", error))?;
        let name = settings.url.trim_end_matches('/').to_owned();
        Ok(Bucket { store, prefix, name, runtime: Some(runtime), silent: Mutex::default() })
    }

    fn at(&self, path: &str) -> ObjectPath {
        path.split('/').fold(self.prefix.clone(), |at, part| at.join(part))
    }

    /// Runs a call to its end. Two threads may both find the store silent; that is one question more.
    fn wait<T>(&self, path: &str, call: impl Future<Output = Result<T, Failed>>) -> Result<T, LakeError> {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, what)) = &*silent {
            if since.elapsed() < SILENCE {
                return Err(self.unreachable(path, what.clone()));
            }
            *silent = None;
        }
        drop(silent);
        let runtime = self.runtime.as_ref().expect("invariant: a bucket that is used has its runtime");
        let error = match runtime.block_on(call) {
            Ok(value) => return Ok(value),
            Err(Failed::Here(error)) => return Err(LakeError::io(path, error)),
            Err(Failed::There(error)) => error,
        };
        let what = short(&error);
        let no_bucket = ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"];
        match error {
            object_store::Error::NotFound { .. } if !no_bucket.iter().any(|said| what.contains(said)) => {
                Err(LakeError::Missing { path: path.to_owned() })
            }
            object_store::Error::AlreadyExists { .. } => Err(LakeError::Taken { path: path.to_owned() }),
            object_store::Error::NotFound { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => {
                Err(LakeError::Refused { path: path.to_owned(), store: self.name.clone(), what })
            }
            _ => {
                let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
                *silent = Some((Instant::now(), what.clone()));
                Err(self.unreachable(path, what))
            }
        }
    }

    fn unreachable(&self, path: &str, what: String) -> LakeError {
        LakeError::Unreachable { path: path.to_owned(), store: self.name.clone(), what }
    }

    async fn put_large(
        &self,
        at: &ObjectPath,
        mut file: File,
        options: PutMultipartOptions,
    ) -> Result<(), Failed> {
        let mut upload = self.store.put_multipart_opts(at, options).await?;
        let parts = async {
            loop {
                let mut part = Vec::with_capacity(PART_BYTES);
                if (&mut file).take(PART_BYTES as u64).read_to_end(&mut part)? == 0 {
                    break;
                }
                upload.put_part(part.into()).await?;
            }
            upload.complete().await?;
            Ok(())
        };
        let outcome = parts.await;
        if outcome.is_err() {
            // What stays of it is nowhere visible; a rule of the bucket removes it.
            let _ = upload.abort().await;
        }
        outcome
    }
}

impl Objects for Bucket {
    fn holds(&self, path: &str, size: u64, sha256: ContentHash) -> Result<bool, LakeError> {
        let found = self.wait(path, async {
            let options = GetOptions { head: true, ..GetOptions::default() };
            Ok(self.store.get_opts(&self.at(path), options).await?)
        });
        match found {
            Ok(found) => {
                let said = found.attributes.get(&SHA256).map(|said| said.as_ref());
                Ok(found.meta.size == size && said == Some(sha256.to_string().as_str()))
            }
            Err(LakeError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fetch(&self, path: &str, into: &mut dyn Write) -> Result<(), LakeError> {
        let at = self.at(path);
        let outcome = self.wait(path, async {
            let size = self.store.head(&at).await?.size;
            let mut start = 0;
            while start < size {
                let end = size.min(start + PART_BYTES as u64);
                let bytes = self.store.get_range(&at, start..end).await?;
                into.write_all(&bytes)?;
                start += bytes.len() as u64;
            }
            Ok(())
        });
        match outcome {
            // Why there is nothing is said only in the body of an answer, which HEAD has not.
            Err(LakeError::Missing { .. }) => {
                self.wait(path, async { Ok(self.store.get(&at).await.map(drop)?) })
            }
            outcome => outcome,
        }
    }

    fn put(&self, path: &str, file: &Path, sha256: ContentHash) -> Result<(), LakeError> {
        self.put_as(PutMode::Overwrite, path, file, sha256)
    }

    fn put_new(&self, path: &str, file: &Path, sha256: ContentHash) -> Result<bool, LakeError> {
        // Parts are put together unconditionally; whoever puts the same path at the same time puts the same bytes.
        let size = std::fs::metadata(file).map_err(|error| LakeError::io(path, error))?.len();
        if size > LARGE_BYTES && self.is_there(path)? {
            return Ok(false);
        }
        match self.put_as(PutMode::Create, path, file, sha256) {
            Err(LakeError::Taken { .. }) => Ok(false),
            put => put.map(|()| true),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let prefix = self.at(folder);
        self.wait(folder, async {
            let mut listing = self.store.list(Some(&prefix));
            let mut paths = Vec::new();
            while let Some(object) = poll_fn(|context| listing.as_mut().poll_next(context)).await {
                let location = object?.location;
                let below = location.prefix_match(&self.prefix).into_iter().flatten();
                paths.push(below.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
            }
            Ok(paths)
        })
    }
}

impl Bucket {
    /// Whether any object is at a path.
    fn is_there(&self, path: &str) -> Result<bool, LakeError> {
        match self.wait(path, async { Ok(self.store.head(&self.at(path)).await?) }) {
            Err(LakeError::Missing { .. }) => Ok(false),
            found => found.map(|_| true),
        }
    }

    fn put_as(&self, mode: PutMode, path: &str, file: &Path, sha256: ContentHash) -> Result<(), LakeError> {
        let at = self.at(path);
        let attributes = [(SHA256, sha256.to_string())].into_iter().collect();
        let mut file = File::open(file).map_err(|error| LakeError::io(path, error))?;
        let size = file.metadata().map_err(|error| LakeError::io(path, error))?.len();
        if size > LARGE_BYTES {
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            return self.wait(path, self.put_large(&at, file, options));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| LakeError::io(path, error))?;
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        self.wait(path, async {
            self.store.put_opts(&at, PutPayload::from(bytes), options).await?;
            Ok(())
        })
    }
}

/// Which side of a call has failed.
enum Failed {
    /// Reading or writing the file on this machine.
    Here(io::Error),
    /// The store, or the way to it.
    There(object_store::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Here(error)
    }
}

impl From<object_store::Error> for Failed {
    fn from(error: object_store::Error) -> Failed {
        Failed::There(error)
    }
}

/// An error with what caused it, in one line of bearable length.
fn short(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, options: &[(&str, &str)]) -> ObjectStoreSettings {
        ObjectStoreSettings {
            url: url.to_owned(),
            options: options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ca_file: None,
            timeout: Duration::from_secs(1),
            cache: PathBuf::new(),
            room: 0,
        }
    }

    #[test]
    fn a_url_is_a_store_a_bucket_and_a_prefix() {
        let parts =
            |url| parse(url).map(|(kind, bucket, prefix)| (kind, bucket, prefix.to_string())).unwrap();
        assert_eq!(parts("s3://b"), (Kind::S3, "b", String::new()));
        assert_eq!(parts("gs://b/x/y"), (Kind::Google, "b", "x/y".into()));
        assert_eq!(parts("az://b/x/"), (Kind::Azure, "b", "x".into()));
        for url in ["s3://", "s3:///x", "http://b", "b", "s3://b/x//y"] {
            let error = parse(url).unwrap_err();
            assert!(error.to_string().contains("write s3://bucket/prefix"), "{error}");
            assert!(!error.retry_helps());
        }
    }

    #[test]
    fn the_options_that_are_suggested_exist() {
        for url in ["s3://b", "gs://b", "az://b"] {
            let options = usual_options(url);
            assert!(options.len() > 10);
            for option in options {
                assert!(is_option(url, option), "{url} has no {option}");
            }
            assert!(!is_option(url, "aws_acces_key_id"));
        }
        assert!(is_option("s3://b", "AWS_REGION") && !is_option("gs://b", "aws_region"));
    }

    #[test]
    fn a_store_of_every_kind_can_be_set_up_and_its_secrets_are_not_shown() {
        for (url, options) in [
            (
                "s3://b",
                vec![("aws_secret_access_key", "hush"), ("aws_access_key_id", "me"), ("aws_region", "r")],
            ),
            ("gs://b", vec![("google_bearer_token", "hush")]),
            ("az://b", vec![("azure_storage_account_name", "a"), ("azure_storage_account_key", "aHVzaA==")]),
        ] {
            let settings = settings(url, &options);
            let shown = format!("{settings:?} {:?}", Bucket::new(&settings).unwrap());
            assert!(shown.contains(url) && !shown.contains("hush") && !shown.contains("aHVzaA"), "{shown}");
        }
        let error = Bucket::new(&settings("s3://b", &[("aws_acces_key_id", "hush")])).unwrap_err();
        assert!(error.to_string().contains("unknown option 'aws_acces_key_id'"), "{error}");
        assert!(!error.to_string().contains("hush"));
        let mut nowhere = settings("s3://b", &[]);
        nowhere.ca_file = Some("nowhere.pem".into());
        assert!(Bucket::new(&nowhere).unwrap_err().to_string().contains("lake.ca_file nowhere.pem"));
    }
}
