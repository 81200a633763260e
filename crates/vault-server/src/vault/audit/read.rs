//! Reads an organisation's own log.
//!
//! Promise: what is handed out was checked against its chain, as far as a page shows it. The
//! whole chain, and whether its end is there, is checked offline (`sealgate audit verify`).

use hardened_crypto::audit_chain::{Actor, ChainLink, Verifier};
use vault_store::rows::AuditBlockRow;
use vault_store::{AuditHead, OrgId, UserId};

use super::SERVER_LOG;
use super::block::{chain_at, links_of};
use crate::vault::Vault;
use crate::vault::error::VaultError;
use crate::vault::principal::{Principal, Role};

/// Entries that one page looks through; a page with a filter may end early, even empty.
pub const SCAN_ENTRIES_MAX: u64 = 10_000;
/// Blocks read at once.
const BLOCKS_AT_ONCE: u32 = 100;
const BROKEN: VaultError = VaultError::Tampered("the audit log");

/// Which entries to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    /// Only entries with a higher sequence number.
    pub after: u64,
    /// Entries wanted, from 1.
    pub limit: u32,
    /// Only acts of this user.
    pub user: Option<UserId>,
    /// Only this action.
    pub action: Option<&'a str>,
}

impl AuditFilter<'_> {
    fn takes(&self, link: &ChainLink) -> bool {
        let event = &link.entry.event;
        let actor = |user: UserId| Actor::User((*user.as_bytes()).into());
        link.entry.sequence > self.after
            && self.user.is_none_or(|user| event.actor == actor(user))
            && self
                .action
                .is_none_or(|action| event.action.as_str() == action)
    }
}

/// One page of a log.
#[derive(Debug)]
pub struct AuditPage {
    /// The entries, ascending.
    pub links: Vec<ChainLink>,
    /// Where the next page starts, if there may be one.
    pub next_after: Option<u64>,
}

impl Vault {
    /// The log of the caller's organisation; for root, that of the server.
    ///
    /// # Errors
    /// `Forbidden` for users who are no admins; `Tampered` for a chain that is broken.
    pub async fn audit_entries(
        &self,
        caller: &Principal,
        filter: AuditFilter<'_>,
    ) -> Result<AuditPage, VaultError> {
        let org_id = match caller.role {
            Role::Root => SERVER_LOG,
            Role::User {
                org_id,
                is_admin: true,
                ..
            } => org_id,
            Role::User { .. } => return Err(VaultError::Forbidden),
        };
        self.scan_audit(org_id, filter).await
    }

    async fn scan_audit(
        &self,
        org_id: OrgId,
        filter: AuditFilter<'_>,
    ) -> Result<AuditPage, VaultError> {
        let wanted = filter.limit as usize;
        let (mut links, mut after, mut scanned) = (Vec::new(), filter.after, 0);
        let mut verifier: Option<Verifier> = None;
        loop {
            let page = self.store.audit_blocks(org_id, after, BLOCKS_AT_ONCE);
            let page = page.await?;
            for block in &page.rows {
                let verifier = match &mut verifier {
                    Some(verifier) => verifier,
                    none => none.insert(start_at(block)?),
                };
                for link in links_of(block).map_err(|_| BROKEN)? {
                    verifier.check(&link).map_err(|_| BROKEN)?;
                    after = link.entry.sequence;
                    if links.len() == wanted || scanned == SCAN_ENTRIES_MAX {
                        return Ok(AuditPage {
                            links,
                            next_after: Some(after - 1),
                        });
                    }
                    if after > filter.after {
                        scanned += 1;
                    }
                    if filter.takes(&link) {
                        links.push(link);
                    }
                }
                // Others are served between two blocks.
                tokio::task::yield_now().await;
            }
            if !page.more {
                return Ok(AuditPage {
                    links,
                    next_after: None,
                });
            }
        }
    }
}

/// Checks from the first block of a page on.
fn start_at(block: &AuditBlockRow) -> Result<Verifier, VaultError> {
    let before = AuditHead {
        next_seq: block.first_seq,
        hash: block.previous_hash,
    };
    Verifier::new(chain_at(block.org_id, &before), &[]).map_err(|_| BROKEN)
}
