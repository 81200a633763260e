//! What a first start makes on a server that nobody sits at.

use std::path::PathBuf;

use serde::Deserialize;

/// Where a first start is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootstrapSource {
    /// In a JSON file with the fields of [`FirstOrg`].
    File(PathBuf),
    /// In flags or the environment.
    Given(FirstOrg),
}

/// The first organisation and its admin. Holds no secret, only where they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FirstOrg {
    /// Display name of the organisation.
    pub organisation: String,
    /// Display name of its admin.
    pub admin: String,
    /// File of the admin's API key: read if it exists, made otherwise.
    pub admin_api_key_file: PathBuf,
    /// File of the root API key, in the same way; without it root gets no key here.
    #[serde(default)]
    pub root_api_key_file: Option<PathBuf>,
}

impl FirstOrg {
    /// Reads the file that describes a first start: one JSON object. `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // The derived reader would take an array for the fields in their order.
        let starts = bytes.trim_ascii_start().first();
        starts.filter(|byte| **byte == b'{')?;
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_of_known_fields_is_read() {
        let full =
            br#" {"organisation":"o","admin":"a","adminApiKeyFile":"/a","rootApiKeyFile":"/r"}"#;
        let read = FirstOrg::parse(full).unwrap();
        assert_eq!(
            (read.organisation.as_str(), read.admin.as_str()),
            ("o", "a")
        );
        assert_eq!(read.root_api_key_file, Some(PathBuf::from("/r")));
        for refused in [
            &b""[..],
            br#"["o","a","/a"]"#,
            br#"{"organisation":"o","admin":"a"}"#,
            br#"{"organisation":"o","admin":"a","adminApiKeyFile":"/a","adminApiKey":"sgk_"}"#,
        ] {
            assert_eq!(FirstOrg::parse(refused), None);
        }
    }
}
