//! What the model knows of one value, file or credential.

use std::collections::BTreeMap;

use super::steps::Who;

/// The three nouns that are owned and shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Value,
    File,
    Credential,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Value, Self::File, Self::Credential];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Value => "/v1/kv",
            Self::File => "/v1/files",
            Self::Credential => "/v1/credentials",
        }
    }

    pub(crate) fn inbox(self) -> String {
        format!("{}/shared", self.path())
    }

    /// A share of it, as its recipient sees it.
    pub(crate) fn inbound(self) -> &'static str {
        match self {
            Self::Value => "shared value",
            Self::File => "shared file",
            Self::Credential => "shared credential",
        }
    }

    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Value | Self::File => "read",
            Self::Credential => "use",
        }
    }
}

/// Names one record: its owner, and the last segment of its path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) owner: Who,
    pub(crate) kind: Kind,
    pub(crate) segment: String,
}

impl Key {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.path(), self.segment)
    }
}

/// Something that may be read until a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(pub(crate) Option<i64>);

impl Until {
    pub(crate) fn over(self, now: i64) -> bool {
        self.0.is_some_and(|end| end <= now)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) content: String,
    pub(crate) until: Until,
}

#[derive(Debug)]
pub(crate) struct Held {
    /// Tells it from others that had its name before.
    pub(crate) birth: u64,
    pub(crate) versions: Vec<Version>,
    /// Which version is in use, as an index.
    pub(crate) current: usize,
    pub(crate) deleted: bool,
    /// Sealed under its owner's passphrase, as only credentials are.
    pub(crate) by_passphrase: bool,
    pub(crate) shares: BTreeMap<Who, Given>,
}

/// A share as it was last given.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) until: Until,
}

impl Held {
    pub(crate) fn new(birth: u64, first: Version) -> Self {
        Self {
            birth,
            versions: vec![first],
            current: 0,
            deleted: false,
            by_passphrase: false,
            shares: BTreeMap::new(),
        }
    }

    pub(crate) fn current(&self) -> &Version {
        &self.versions[self.current]
    }

    /// Number of the version in use.
    pub(crate) fn number(&self) -> u64 {
        self.current as u64 + 1
    }

    pub(crate) fn visible(&self, now: i64) -> bool {
        !self.deleted && !self.current().until.over(now)
    }

    pub(crate) fn version(&self, number: u64) -> Option<&Version> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.versions.get(index)
    }

    /// The version, if it may be read now.
    pub(crate) fn readable(&self, number: u64, now: i64) -> Option<&Version> {
        let version = self.version(number)?;
        (self.visible(now) && !version.until.over(now)).then_some(version)
    }

    pub(crate) fn push(&mut self, version: Version) {
        self.versions.push(version);
        self.current = self.versions.len() - 1;
    }

    /// What was hidden is written anew. A share that was over already keeps its id.
    pub(crate) fn end_shares(&mut self, now: i64) {
        self.shares.retain(|_, given| given.until.over(now));
    }

    /// The live share with this user.
    pub(crate) fn live(&self, with: Who, now: i64) -> Option<&Given> {
        let given = self.shares.get(&with)?;
        (!given.until.over(now)).then_some(given)
    }
}
