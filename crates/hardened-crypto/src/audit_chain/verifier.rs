//! Walks a chain and names the first link that is broken.

use super::{Chain, ChainHash, ChainLink, Checkpoint};
use crate::{error::Error, ids::OrgId};
use std::borrow::Borrow;

/// Why a link is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakReason {
    /// The entry, or a checkpoint at this place, is of another organisation.
    ForeignOrg,
    /// The entry that should stand here is missing; a later one follows.
    Gap,
    /// The entry before stands here once more.
    Repeated,
    /// Another entry with the number of the one before: the chain was continued twice.
    Forked,
    /// An older entry stands here.
    OutOfOrder,
    /// The hash is not that of the entry behind the chain so far: one of them was changed.
    HashMismatch,
    /// The chain ends before a checkpoint that was made of it.
    CutOff,
    /// The chain is consistent and not the one of which a checkpoint was made: it was
    /// rewritten from some entry up to here.
    CheckpointMismatch,
}

impl BreakReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ForeignOrg => "of another organisation",
            Self::Gap => "missing",
            Self::Repeated => "the entry before, repeated",
            Self::Forked => "a second continuation of the chain",
            Self::OutOfOrder => "an older entry out of order",
            Self::HashMismatch => "changed: the hash does not match",
            Self::CutOff => "cut off: a checkpoint knows of it",
            Self::CheckpointMismatch => "rewritten: a checkpoint knows another history",
        }
    }
}

/// The first broken link of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit entry {sequence}: {}", reason.as_str())]
pub struct BrokenLink {
    /// The place in the chain, from 1: the entry that should stand there.
    pub sequence: u64,
    /// What is wrong with it.
    pub reason: BreakReason,
}

impl From<BrokenLink> for Error {
    fn from(_: BrokenLink) -> Self {
        Self::tampered("the audit chain is broken")
    }
}

/// What a chain without a broken link looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The end of the chain.
    pub chain: Chain,
    /// How many entries are earlier by their clock than the one before them.
    pub clock_steps_back: u64,
    /// Sequence number of the first of these.
    pub first_step_back: Option<u64>,
    /// How many checkpoints the chain was held against.
    pub checkpoints_met: u64,
}

/// Checks a whole chain against checkpoints, whose MACs have been checked already.
///
/// # Errors
/// The first broken link.
pub fn verify<L: Borrow<ChainLink>>(
    org: OrgId,
    links: impl IntoIterator<Item = L>,
    checkpoints: &[Checkpoint],
) -> Result<Verified, BrokenLink> {
    let mut verifier = Verifier::new(Chain::empty(org), checkpoints)?;
    for link in links {
        verifier.check(link.borrow())?;
    }
    verifier.finish()
}

/// Checks a chain link by link, for chains too long to be held in memory.
#[derive(Clone, Debug)]
pub struct Verifier {
    verified: Verified,
    last_time_utc_ms: Option<i64>,
    /// Those not yet reached, the next one last.
    checkpoints: Vec<Checkpoint>,
}

impl Verifier {
    /// Starts behind `start`: an empty chain, or the chain of a checkpoint. Checkpoints of
    /// shorter chains are left out.
    ///
    /// # Errors
    /// A checkpoint of another organisation, or one that contradicts `start`.
    pub fn new(start: Chain, checkpoints: &[Checkpoint]) -> Result<Self, BrokenLink> {
        if let Some(foreign) = checkpoints.iter().find(|one| one.org() != start.org()) {
            return Err(BrokenLink {
                sequence: foreign.size(),
                reason: BreakReason::ForeignOrg,
            });
        }
        let mut ahead: Vec<_> = checkpoints.to_vec();
        ahead.retain(|one| one.size() >= start.size());
        ahead.sort_unstable_by_key(|one| std::cmp::Reverse(one.size()));
        let mut verifier = Self {
            verified: Verified {
                chain: start,
                clock_steps_back: 0,
                first_step_back: None,
                checkpoints_met: 0,
            },
            last_time_utc_ms: None,
            checkpoints: ahead,
        };
        verifier.meet_checkpoints()?;
        Ok(verifier)
    }

    /// Checks the next link.
    ///
    /// # Errors
    /// What is wrong with it. Nothing behind a broken link means anything.
    pub fn check(&mut self, link: &ChainLink) -> Result<(), BrokenLink> {
        let chain = self.verified.chain;
        if let Err(reason) = follows(&chain, link) {
            return Err(BrokenLink {
                sequence: chain.size().saturating_add(1),
                reason,
            });
        }
        self.verified.chain = Chain::resume(chain.org(), link.entry.sequence, link.hash);
        self.watch_clock(link);
        self.meet_checkpoints()
    }

    /// Ends the chain here.
    ///
    /// # Errors
    /// [`BreakReason::CutOff`] when a checkpoint knows of further entries.
    pub fn finish(self) -> Result<Verified, BrokenLink> {
        match self.checkpoints.last() {
            None => Ok(self.verified),
            Some(_) => Err(BrokenLink {
                sequence: self.verified.chain.size().saturating_add(1),
                reason: BreakReason::CutOff,
            }),
        }
    }

    fn watch_clock(&mut self, link: &ChainLink) {
        let time = link.entry.event.time_utc_ms;
        if self.last_time_utc_ms.is_some_and(|last| time < last) {
            let first = &mut self.verified.first_step_back;
            first.get_or_insert(link.entry.sequence);
            self.verified.clock_steps_back += 1;
        }
        self.last_time_utc_ms = Some(time);
    }

    /// Holds the chain against every checkpoint of its present size.
    fn meet_checkpoints(&mut self) -> Result<(), BrokenLink> {
        let chain = self.verified.chain;
        while let Some(next) = self.checkpoints.pop_if(|one| one.size() == chain.size()) {
            if next.hash() != chain.hash() {
                return Err(BrokenLink {
                    sequence: chain.size(),
                    reason: BreakReason::CheckpointMismatch,
                });
            }
            self.verified.checkpoints_met += 1;
        }
        Ok(())
    }
}

fn follows(chain: &Chain, link: &ChainLink) -> Result<(), BreakReason> {
    let sequence = link.entry.sequence;
    if link.entry.org != chain.org() {
        return Err(BreakReason::ForeignOrg);
    }
    if sequence <= chain.size() {
        return Err(
            match (sequence == chain.size(), link.hash == chain.hash()) {
                (true, true) => BreakReason::Repeated,
                (true, false) => BreakReason::Forked,
                _ => BreakReason::OutOfOrder,
            },
        );
    }
    // Larger than the size, so one less does not underflow.
    if sequence - 1 != chain.size() {
        return Err(BreakReason::Gap);
    }
    if ChainHash::of_link(chain.hash(), &link.entry) != link.hash {
        return Err(BreakReason::HashMismatch);
    }
    Ok(())
}
