//! Users of an organisation, and their API keys.
//!
//! Promise: root makes the first admin of an organisation and no other user, also when two
//! calls race; an API key is shown once and stored as a keyed hash.

mod change;

pub use change::UserPatch;

use hardened_crypto::key_hash;
use hardened_crypto::key_pair::PublicKeys;
use hardened_crypto::secret_format::{PresentedKey, SecretKind};
use secrecy::SecretString;
use uuid::Uuid;
use vault_store::rows::{ApiKeyOwner, ApiKeyRow, FIRST_VERSION, OrgRow, UserRow};
use vault_store::{
    Change, ChangeSet, KeyId, OrgId, Page, StoreError, UserAndPublicKey, UserId, UtcMillis,
    conflict,
};

use super::Vault;
use super::access::{self, Administers, Member};
use super::authentication::hash_owner;
use super::commit::CommitError;
use super::error::{VaultError, made};
use super::keys::public_keys;
use super::principal::Principal;
use super::row_integrity::UNSIGNED;
use super::value_name::check_display_name;

/// Tries to find an API key id that is free; ids have 48 random bits.
const KEY_ID_ATTEMPTS_MAX: usize = 4;

/// A user as others of the organisation see them.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id.
    pub user_id: UserId,
    /// Their organisation.
    pub org_id: OrgId,
    /// Their display name.
    pub name: String,
    /// Whether they administer the organisation.
    pub is_admin: bool,
    /// Whether they are shut out.
    pub disabled: bool,
    /// When they were made.
    pub created: UtcMillis,
    /// Their current public keys, once they have made some.
    pub public: Option<PublicKeys>,
}

/// A user who was just made, with the one sight of their API key.
#[derive(Debug)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// Public id of the API key.
    pub key_id: KeyId,
    /// The API key. It cannot be shown again.
    pub api_key: SecretString,
}

impl Vault {
    /// Makes a user with an API key.
    ///
    /// # Errors
    /// `OutOfScope` for an API key that has a scope or an end, since the new one has none;
    /// `Forbidden` for users who are not admins, and for root once the organisation has its
    /// first admin or when that first user shall not be one; `NotFound` for an organisation
    /// that is not the caller's; `Invalid` for an unusable name.
    pub async fn create_user(
        &self,
        caller: &Principal,
        org_id: OrgId,
        name: &str,
        is_admin: bool,
    ) -> Result<NewUser, VaultError> {
        let administers = access::administrator(caller, org_id)?;
        access::unlimited(caller)?;
        self.judge_again(caller).await?;
        check_display_name(name)?;
        let org = self.org_row(org_id).await?;
        let mut first_step = ChangeSet::new();
        if administers == Administers::AsRoot {
            if !is_admin || !self.store.users(org_id, None, 1).await?.rows.is_empty() {
                return Err(VaultError::Forbidden);
            }
            // Two first admins at once would both replace this row: one of them fails.
            first_step.push(self.touched(org));
        }
        let row = self.new_user_row(org_id, name, is_admin);
        first_step.push(Change::InsertUser(row.clone()));
        let owner = ApiKeyOwner::User {
            org_id,
            user_id: row.user_id,
        };
        let (key_id, api_key) = self.commit_with_new_key(first_step, owner).await?;
        Ok(NewUser {
            user: user(row, None),
            key_id,
            api_key,
        })
    }

    /// Users of one organisation, disabled ones too, in the order in which they were made.
    ///
    /// # Errors
    /// `Forbidden` for users who are not admins; `NotFound` for an organisation that is not
    /// the caller's.
    pub async fn users(
        &self,
        caller: &Principal,
        org_id: OrgId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<User>, VaultError> {
        access::administrator(caller, org_id)?;
        self.org_row(org_id).await?;
        self.checked_users(org_id, after, limit).await
    }

    /// One user of an organisation, a disabled one too.
    ///
    /// # Errors
    /// As [`Vault::users`]; `NotFound` also for a user of another organisation.
    pub async fn user(
        &self,
        caller: &Principal,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<User, VaultError> {
        access::administrator(caller, org_id)?;
        self.user_with_keys(Member { org_id, user_id }).await
    }

    /// Users of the caller's organisation, to share with; a page may hold fewer than `limit`,
    /// because disabled users are left out.
    ///
    /// # Errors
    /// `Forbidden` for root, who belongs to no organisation.
    pub async fn colleagues(
        &self,
        caller: &Principal,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<(Page<User>, Option<UserId>), VaultError> {
        let member = access::member(caller)?;
        let mut page = self.checked_users(member.org_id, after, limit).await?;
        let last = page.rows.last().map(|user| user.user_id);
        page.rows.retain(|user| !user.disabled);
        Ok((page, last))
    }

    /// The caller.
    ///
    /// # Errors
    /// `Forbidden` for root, who is no user.
    pub async fn me(&self, caller: &Principal) -> Result<User, VaultError> {
        self.user_with_keys(access::member(caller)?).await
    }

    async fn user_with_keys(&self, whose: Member) -> Result<User, VaultError> {
        let row = self.user_row(whose).await?;
        let ring = self.key_ring(whose).await?;
        let public = ring.map(|ring| ring.current()).transpose()?;
        Ok(user(row, public.map(|pair| pair.public)))
    }

    /// A user's authenticated row.
    pub(crate) async fn user_row(&self, whose: Member) -> Result<UserRow, VaultError> {
        let row = self.store.user(whose.org_id, whose.user_id).await?;
        let row = row.ok_or(VaultError::NotFound)?;
        self.integrity.check(&row)?;
        Ok(row)
    }

    async fn checked_users(
        &self,
        org_id: OrgId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<User>, VaultError> {
        let Page { rows, more } = self.store.users(org_id, after, limit).await?;
        let rows = rows.into_iter().map(|row| self.checked_user(row));
        Ok(Page {
            rows: rows.collect::<Result<_, _>>()?,
            more,
        })
    }

    fn checked_user(&self, found: UserAndPublicKey) -> Result<User, VaultError> {
        self.integrity.check(&found.user)?;
        let public = match (&found.keys, &found.pair) {
            (None, None) => None,
            (Some(keys), Some(pair)) if keys.current_generation == pair.generation => {
                self.integrity.check(keys)?;
                self.integrity.check(pair)?;
                Some(public_keys(pair)?)
            }
            // The keys name a generation that is not theirs.
            _ => return Err(VaultError::Tampered("user_keys")),
        };
        Ok(user(found.user, public))
    }

    /// Commits `changes` together with a new API key of `owner`.
    pub(crate) async fn commit_with_new_key(
        &self,
        changes: ChangeSet,
        owner: ApiKeyOwner,
    ) -> Result<(KeyId, SecretString), VaultError> {
        for _ in 0..KEY_ID_ATTEMPTS_MAX {
            let (row, text) = self.new_api_key(owner)?;
            let key_id = row.key_id;
            let changes = changes.clone().with(Change::InsertApiKey(row));
            match self.commit(changes).await {
                Ok(_) => return Ok((key_id, text)),
                Err(CommitError::Store(StoreError::Conflict {
                    what: conflict::API_KEY,
                })) => {}
                // Somebody else made the first admin meanwhile.
                Err(CommitError::Store(StoreError::Conflict {
                    what: conflict::ORG,
                })) => return Err(VaultError::Forbidden),
                Err(error) => return Err(error.into()),
            }
        }
        Err(VaultError::Internal("no free API key id was found"))
    }

    /// A signed row of a new API key, and the key itself.
    pub(crate) fn new_api_key(
        &self,
        owner: ApiKeyOwner,
    ) -> Result<(ApiKeyRow, SecretString), VaultError> {
        let (key, text) = PresentedKey::make(SecretKind::ApiKey).map_err(made)?;
        Ok((self.api_key_row(owner, &key)?, text))
    }

    /// A signed row of an API key that does all that its owner does and does not expire.
    pub(crate) fn api_key_row(
        &self,
        owner: ApiKeyOwner,
        key: &PresentedKey,
    ) -> Result<ApiKeyRow, VaultError> {
        let key_id = KeyId::parse(key.id().as_str());
        let row = ApiKeyRow {
            key_id: key_id.ok_or(VaultError::Internal("an API key id of another form"))?,
            owner,
            key_hash: key_hash::hash(&self.root_keys, key, hash_owner(owner)),
            created: self.clock.utc(),
            expires: None,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        Ok(self.integrity.sign(row))
    }

    /// A signed row of a new user; the name has been checked.
    pub(crate) fn new_user_row(&self, org_id: OrgId, name: &str, is_admin: bool) -> UserRow {
        self.integrity.sign(UserRow {
            user_id: Uuid::now_v7().into(),
            org_id,
            name: name.to_owned(),
            is_admin,
            disabled: false,
            created: self.clock.utc(),
            version: FIRST_VERSION,
            mac: UNSIGNED,
        })
    }

    /// The same organisation, one version on.
    fn touched(&self, org: OrgRow) -> Change {
        Change::ReplaceOrg {
            expected_version: org.version,
            row: self.integrity.sign(OrgRow {
                version: org.version + 1,
                ..org
            }),
        }
    }
}

fn user(row: UserRow, public: Option<PublicKeys>) -> User {
    User {
        user_id: row.user_id,
        org_id: row.org_id,
        name: row.name,
        is_admin: row.is_admin,
        disabled: row.disabled,
        created: row.created,
        public,
    }
}
