//! Says which credential the proxy would use, and why, without opening anything.

use credential_injector::{Selection, Target};

use super::open::{Match, choose};
use super::{Credential, CredentialProtection};
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

/// What the proxy would do for a target.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The credential that would be used, if there is exactly one.
    pub chosen: Option<Credential>,
    /// Every live credential whose pattern matches.
    pub matching: Vec<Credential>,
    /// Whether several match, and none of them alone may be taken.
    pub ambiguous: bool,
}

impl Vault {
    /// Which credential, owned or shared, would be used for `target` with a secret that opens
    /// those of this protection; `None` considers all.
    ///
    /// # Errors
    /// `Forbidden` for root; `Tampered` when a row did not authenticate.
    pub async fn explain_credential(
        &self,
        caller: &Principal,
        target: &Target,
        protection: Option<CredentialProtection>,
    ) -> Result<Explanation, VaultError> {
        let reader = access::member(caller)?;
        let found = self.matching(reader, target, protection).await?;
        let selection = choose(found.iter().map(Match::candidate), target);
        let matching: Result<Vec<_>, _> = found.into_iter().map(Credential::try_from).collect();
        let matching = matching?;
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

impl TryFrom<Match> for Credential {
    type Error = VaultError;

    fn try_from(found: Match) -> Result<Self, VaultError> {
        let share_id = found.share.map(|share| share.share_id);
        Ok(Self {
            share_id,
            ..found.credential.try_into()?
        })
    }
}
