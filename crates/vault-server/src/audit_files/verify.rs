//! Walks every chain and names the first broken link of each.

use std::collections::{BTreeMap, BTreeSet};

use hardened_crypto::audit_chain::{
    BrokenLink, Chain, Checkpoint, SignedCheckpoint, Verified, Verifier,
};
use hardened_crypto::root_key::RootKeyring;
use vault_store::OrgId;

use super::rows::{OldRow, ToldRows};
use super::source::{AuditSource, SourceError};

/// What is wrong with a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// A link is broken, or a checkpoint knows better.
    #[error(transparent)]
    Broken(#[from] BrokenLink),
    /// The links cannot be read to their end.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A chain without a fault of its own.
#[derive(Debug)]
pub struct ChainReport {
    /// What was found.
    pub verified: Verified,
    /// Rows that the chain knows newer versions of.
    pub old_rows: Vec<OldRow>,
}

impl Finding {
    /// Whether the chain is whole and no row is older than it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let report = self.outcome.as_ref();
        report.is_ok_and(|report| report.old_rows.is_empty())
    }
}

/// What was found of one chain.
#[derive(Debug)]
pub struct Finding {
    /// Whose chain; all zeros for the server's own.
    pub org_id: OrgId,
    /// How far it goes, or the first fault.
    pub outcome: Result<ChainReport, ChainFault>,
}

/// Checks the signatures of checkpoints. Returns the genuine ones by organisation, and how many
/// are not.
#[must_use]
pub fn checkpoints_of(
    signed: &[SignedCheckpoint],
    ring: &RootKeyring,
) -> (BTreeMap<OrgId, Vec<Checkpoint>>, usize) {
    let (mut genuine, mut refused) = (BTreeMap::<OrgId, Vec<Checkpoint>>::new(), 0);
    for one in signed {
        match one.verify(ring) {
            Ok(checkpoint) => {
                let org_id = OrgId::from_bytes(checkpoint.org().0);
                genuine.entry(org_id).or_default().push(checkpoint);
            }
            Err(_) => refused += 1,
        }
    }
    (genuine, refused)
}

/// Checks every chain of `source`, and every one that a checkpoint tells of.
///
/// # Errors
/// [`SourceError`] when it is not even known which chains there are.
pub fn verify(
    source: &dyn AuditSource,
    checkpoints: &BTreeMap<OrgId, Vec<Checkpoint>>,
) -> Result<Vec<Finding>, SourceError> {
    let stored = source.orgs()?;
    let all: BTreeSet<OrgId> = stored
        .into_iter()
        .chain(checkpoints.keys().copied())
        .collect();
    let finding = |org_id| Finding {
        org_id,
        outcome: check(source, org_id, checkpoints.get(&org_id)),
    };
    Ok(all.into_iter().map(finding).collect())
}

fn check(
    source: &dyn AuditSource,
    org_id: OrgId,
    checkpoints: Option<&Vec<Checkpoint>>,
) -> Result<ChainReport, ChainFault> {
    let start = Chain::empty((*org_id.as_bytes()).into());
    let known = checkpoints.map_or(&[][..], Vec::as_slice);
    let mut verifier = Verifier::new(start, known)?;
    let mut broken = None;
    let mut told = ToldRows::default();
    source.links(org_id, &mut |link| {
        told.note(&link);
        broken = verifier.check(&link).err();
        broken.is_none()
    })?;
    match broken {
        Some(broken) => Err(broken.into()),
        None => Ok(ChainReport {
            verified: verifier.finish()?,
            old_rows: told.compare(source, org_id)?,
        }),
    }
}
