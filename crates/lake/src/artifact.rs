//! Bytes by their hash under `artifacts/`: trained models, and whatever else an event points to by content hash.

use std::io::Write;

use gauntlet_domain::ContentHash;

use crate::error::LakeError;
use crate::store::Lake;

impl Lake {
    /// Keeps `bytes` and returns the name to get them back by. The same bytes again change nothing; a damaged file of
    /// that name is replaced.
    pub fn put_artifact(&self, bytes: &[u8]) -> Result<ContentHash, LakeError> {
        let hash = ContentHash::of(bytes);
        let path = artifact_path(hash);
        match self.get_artifact(hash) {
            Ok(_) if self.is_kept(&path, hash)? => return Ok(hash),
            Ok(_) | Err(LakeError::Missing { .. } | LakeError::HashMismatch { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut staged = self.stage()?;
        staged.write_all(bytes).map_err(|error| LakeError::io(&path, error))?;
        staged.publish(self, &path)?;
        Ok(hash)
    }

    /// The bytes of that name. [`LakeError::Missing`] when they are not here, [`LakeError::HashMismatch`] when the file
    /// has other content.
    pub fn get_artifact(&self, hash: ContentHash) -> Result<Vec<u8>, LakeError> {
        let path = artifact_path(hash);
        self.get(&path, |bytes| match ContentHash::of(bytes) {
            found if found == hash => Ok(()),
            found => Err(LakeError::HashMismatch { path: path.clone(), expected: hash, found }),
        })
    }
}

/// Where the bytes of that name lie in the lake.
pub fn artifact_path(hash: ContentHash) -> String {
    format!("artifacts/{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_by_their_hash() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        let hash = lake.put_artifact(b"model").unwrap();
        assert_eq!(hash, ContentHash::of(b"model"));
        assert_eq!(lake.put_artifact(b"model").unwrap(), hash);
        assert_eq!(lake.get_artifact(hash).unwrap(), b"model");
    }

    #[test]
    fn missing_and_damaged_bytes_are_told_apart_and_putting_them_again_heals() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        let hash = ContentHash::of(b"model");
        assert!(matches!(lake.get_artifact(hash), Err(LakeError::Missing { .. })));
        std::fs::write(lake.locate(&artifact_path(hash)), b"mode1").unwrap();
        let error = lake.get_artifact(hash).unwrap_err();
        assert!(error.to_string().contains("was tampered with"), "{error}");
        lake.put_artifact(b"model").unwrap();
        assert_eq!(lake.get_artifact(hash).unwrap(), b"model");
    }
}
