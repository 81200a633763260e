//! The audit log as whoever verifies it sees it: the chain decides, not one block.

use hardened_crypto::audit_chain;
use uuid::Uuid;
use vault_server::vault::audit::links_of;
use vault_store::{AuditStore, OrgId};

use super::verdict::Verdict;
use crate::api_support::{Api, TestUser};

/// Blocks in one page.
const PAGE: u32 = 100;

/// Hashes of the whole chain of a user's organisation; `None` if it does not verify.
pub(crate) async fn hashes(api: &Api, user: &TestUser) -> Option<Vec<[u8; 32]>> {
    let org_id: OrgId = user.org_id.parse::<Uuid>().unwrap().into();
    let (mut links, mut after) = (Vec::new(), 0);
    loop {
        let page = api.store.audit_blocks(org_id, after, PAGE).await.ok()?;
        for block in &page.rows {
            links.extend(links_of(block).ok()?);
            after = block.last_seq;
        }
        if !page.more {
            break;
        }
    }
    let org = (*org_id.as_bytes()).into();
    audit_chain::verify(org, &links, &[]).ok()?;
    Some(links.iter().map(|link| link.hash.0).collect())
}

/// What has become of a log that was so long, and may have grown since.
pub(crate) fn verdict(before: &[[u8; 32]], now: Option<&[[u8; 32]]>) -> Verdict {
    match now {
        None => Verdict::Tampered,
        Some(now) if now.starts_with(before) => Verdict::Same,
        Some(_) => Verdict::Other,
    }
}
