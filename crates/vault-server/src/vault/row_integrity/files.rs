//! The MAC of files. It covers length and hash of the sealed body, which lies elsewhere.

use hardened_crypto::context::Context;
use vault_store::rows::{FileRow, RowMac};

use super::{GuardedRow, time};

impl GuardedRow for FileRow {
    const TABLE: &'static str = "files";

    fn bind(&self, fields: Context) -> Context {
        let Self {
            file_id,
            org_id,
            owner,
            body,
            content_version,
            sealed_bytes,
            sha256,
            label_box,
            created,
            updated,
            version,
            mac: _,
        } = self;
        let fields = fields
            .bytes(file_id.as_bytes())
            .bytes(org_id.as_bytes())
            .bytes(owner.as_bytes())
            .bytes(body.as_bytes())
            .u64(*content_version)
            .u64(*sealed_bytes)
            .bytes(sha256)
            .bytes(label_box);
        time(time(fields, *created), *updated).u64(*version)
    }

    mac_field!();
}
