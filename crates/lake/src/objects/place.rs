//! Which store a URL names, and what its options are called.

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use object_store::path::Path as ObjectPath;

use crate::error::LakeError;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    S3,
    Google,
    Azure,
}

/// The kind of store, the bucket and the prefix in it.
pub(super) fn parse(url: &str) -> Result<(Kind, &str, ObjectPath), LakeError> {
    let wrong = |what: &str| LakeError::settings(format!("'{url}' {what}: write s3://bucket/prefix"));
    let kinds = [("s3://", Kind::S3), ("gs://", Kind::Google), ("az://", Kind::Azure)];
    let found = kinds.into_iter().find_map(|(scheme, kind)| Some((kind, url.strip_prefix(scheme)?)));
    let (kind, rest) = found.ok_or_else(|| wrong("is no store"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(wrong("names no bucket"));
    }
    let prefix =
        ObjectPath::parse(prefix).map_err(|error| wrong(&format!("has no usable prefix ({error})")))?;
    Ok((kind, bucket, prefix))
}

/// Whether the store that `url` names has an option of this name. Upper case is taken for the variable of that name.
pub fn is_option(url: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match parse(url) {
        Ok((Kind::S3, ..)) => name.parse::<AmazonS3ConfigKey>().is_ok(),
        Ok((Kind::Google, ..)) => name.parse::<GoogleConfigKey>().is_ok(),
        Ok((Kind::Azure, ..)) => name.parse::<AzureConfigKey>().is_ok(),
        Err(_) => false,
    }
}

/// The options that are mostly used, to suggest one in place of a slip.
pub fn usual_options(url: &str) -> Vec<&'static str> {
    let own: &[&str] = match parse(url) {
        Ok((Kind::S3, ..)) => &[
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "aws_region",
            "aws_endpoint",
            "aws_allow_http",
            "aws_virtual_hosted_style_request",
            "aws_web_identity_token_file",
            "aws_role_arn",
            "aws_role_session_name",
            "aws_metadata_endpoint",
            "aws_skip_signature",
            "aws_server_side_encryption",
            "aws_sse_kms_key_id",
            "aws_request_payer",
        ],
        Ok((Kind::Google, ..)) => &[
            "google_service_account",
            "google_service_account_key",
            "google_application_credentials",
            "google_base_url",
            "google_bearer_token",
            "google_skip_signature",
        ],
        Ok((Kind::Azure, ..)) => &[
            "azure_storage_account_name",
            "azure_storage_account_key",
            "azure_storage_client_id",
            "azure_storage_client_secret",
            "azure_storage_tenant_id",
            "azure_storage_sas_key",
            "azure_storage_endpoint",
            "azure_federated_token_file",
            "azure_storage_use_emulator",
            "azure_skip_signature",
        ],
        Err(_) => &[],
    };
    let shared = ["allow_http", "connect_timeout", "timeout", "proxy_url", "proxy_excludes", "user_agent"];
    own.iter().copied().chain(shared).collect()
}
