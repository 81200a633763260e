//! Says which credential the proxy would use, and why, without opening anything.

use credential_injector::{Selection, Target, select};

use super::Credential;
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

/// What the proxy would do for a target.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The credential that would be used, if there is exactly one.
    pub chosen: Option<Credential>,
    /// Every live credential whose pattern matches.
    pub matching: Vec<Credential>,
    /// Whether several match equally narrowly.
    pub ambiguous: bool,
}

impl Vault {
    /// Which of the caller's credentials `X-Proxy-Master-Key` alone would use for `target`.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn explain_credential(
        &self,
        caller: &Principal,
        target: &Target,
    ) -> Result<Explanation, VaultError> {
        let owner: Member = access::member(caller)?;
        let found = self.matching(owner, target).await?;
        let candidates = found.iter().map(|(id, pattern)| (*id, pattern));
        let selection = select(candidates, target);
        let mut matching = Vec::with_capacity(found.len());
        for (id, _) in found {
            match self.credential_row(owner, id).await {
                Ok(row) => matching.push(Credential::from(row)),
                // Erased since the list was read.
                Err(VaultError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let chosen = match &selection {
            Selection::One(id) => matching
                .iter()
                .find(|one| one.credential_id == *id)
                .cloned(),
            _ => None,
        };
        Ok(Explanation {
            chosen,
            matching,
            ambiguous: matches!(selection, Selection::Ambiguous(_)),
        })
    }
}
