//! Makes a token: proves that its maker can open what is granted, and boxes just those keys.
//!
//! Promise: the token, the boxes of the values that it opens and the entry of the call are one
//! change set, which expects its maker as the call found them: a token exists only if its maker was
//! told so, or did not wait.

use std::time::Duration;

use credential_injector::{HostPattern, SubstringPatterns};
use hardened_crypto::account_key::AccountKey;
use hardened_crypto::key_hash;
use hardened_crypto::secret_format::{PresentedKey, SecretKind};
use hardened_crypto::token::TokenKey;
use hardened_crypto::user_secret::Kek;
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, TokenRow};
use vault_store::{
    Change, ChangeSet, CredentialRead, KeyId, Standing, StoreError, TokenChange, UtcMillis,
    conflict,
};

use super::grant::place;
use super::{ScopeTexts, TOKEN_TTL_MAX, TOKENS_PER_USER_MAX, Token, TokenBoxes, TokenScope};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::commit::CommitError;
use crate::vault::credentials::{KeyToGrant, needs_user_secret};
use crate::vault::error::{Invalid, VaultError, made};
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;
use crate::vault::row_integrity::UNSIGNED;

/// Tries to find a public id that is free; ids have 48 random bits.
const KEY_ID_ATTEMPTS_MAX: usize = 4;
/// Expired tokens, of whomever, that are erased when one is made.
const SWEPT_MAX: u32 = 100;

/// A token to make.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// How long it lives: a second to [`TOKEN_TTL_MAX`].
    pub ttl: Duration,
    /// What it may do.
    pub scope: ScopeTexts<'a>,
}

/// A token that was just made, with the one sight of it.
#[derive(Debug)]
pub struct MadeToken {
    /// What is known of it later.
    pub token: Token,
    /// The token. It cannot be shown again.
    pub text: SecretString,
}

/// The keys that go into the boxes.
struct GrantedKeys {
    account: Option<AccountKey>,
    credentials: Vec<KeyToGrant>,
}

impl Vault {
    /// Makes a token for the caller. Values, and credentials that are sealed to the caller's keys,
    /// need the user secret, others their passphrase.
    ///
    /// # Errors
    /// `OutOfScope` for a limited API key; `Invalid` for an unusable scope or life, or too many tokens; `CredentialNotFound`;
    /// `PassphraseMissing`, `UserSecretMissing`, `KeysMissing`; `TooManyAttempts`, `WrongPassphrase`,
    /// `WrongUserSecret`; `Conflict` when the user's keys or rights changed meanwhile.
    pub async fn make_token(
        &self,
        caller: &Principal,
        new: NewToken<'_>,
        secret: Option<&SecretSlice<u8>>,
        passphrase: Option<&SecretSlice<u8>>,
    ) -> Result<MadeToken, VaultError> {
        let whose = access::member(caller)?;
        // A token may outlive the key it was made with.
        access::unlimited(caller)?;
        // A rekey, a disabling, a change of role and the end of the API key end tokens, also the
        // one that is just being made. What is judged below is what the commit expects.
        let standing = self.standing(whose, caller).await?;
        self.judge_again(caller).await?;
        let expires = self.token_expiry(new.ttl)?;
        let scope = TokenScope::new(new.scope)?;
        if self.live_tokens(whose).await?.len() >= TOKENS_PER_USER_MAX {
            return Err(Invalid::TooManyTokens.into());
        }
        let granted = self.credentials_to_grant(whose, scope.credentials());
        let granted = granted.await?;
        if passphrase.is_none() && !granted.iter().all(needs_user_secret) {
            return Err(VaultError::PassphraseMissing);
        }
        let scope = scope.with_default_hosts(patterns(&granted)?)?;
        let unlocked = self.unlock_to_grant(whose, &scope, &granted, secret);
        let unlocked = unlocked.await?;
        let opening = self.keys_to_grant(whose, &granted, unlocked.as_ref(), passphrase);
        let keys = GrantedKeys {
            credentials: opening.await?,
            account: match &unlocked {
                Some((ring, kek)) if !scope.kv().is_empty() => Some(ring.account_key(kek)?),
                _ => None,
            },
        };
        let mut changes = ChangeSet::from(Change::ExpectStanding(standing));
        if let Some((ring, kek)) = &unlocked {
            // Nothing to do without prefixes.
            let ready = self.prepared_values(whose, scope.kv(), ring, kek).await?;
            ready.into_iter().for_each(|change| changes.push(change));
        }
        self.insert_token(whose, &scope, &keys, expires, changes)
            .await
    }

    fn token_expiry(&self, ttl: Duration) -> Result<UtcMillis, VaultError> {
        let allowed = Duration::from_secs(1)..=TOKEN_TTL_MAX;
        let ms = i64::try_from(ttl.as_millis()).ok();
        let ms = ms.filter(|_| allowed.contains(&ttl));
        let expires = ms.and_then(|ms| self.clock.utc().0.checked_add(ms));
        expires.map(UtcMillis).ok_or(Invalid::TokenLife.into())
    }

    async fn standing(&self, whose: Member, caller: &Principal) -> Result<Standing, VaultError> {
        let user = self.store.user(whose.org_id, whose.user_id).await?;
        let user = user.ok_or(VaultError::Forbidden)?;
        self.integrity.check(&user)?;
        let key = self.store.api_key(caller.key_id).await?;
        let key = key.ok_or(VaultError::Forbidden)?.key;
        let keys = self.key_ring(whose).await?;
        Ok(Standing {
            org_id: whose.org_id,
            user_id: whose.user_id,
            user_version: user.version,
            keys: keys.map(|ring| ring.state()),
            key_id: key.key_id,
            key_version: key.version,
        })
    }

    /// Opens the caller's keys, if values or credentials that are sealed to them are granted.
    async fn unlock_to_grant(
        &self,
        whose: Member,
        scope: &TokenScope,
        credentials: &[CredentialRead],
        secret: Option<&SecretSlice<u8>>,
    ) -> Result<Option<(CheckedRing, Kek)>, VaultError> {
        if scope.kv().is_empty() && !credentials.iter().any(needs_user_secret) {
            return Ok(None);
        }
        let secret = secret.ok_or(VaultError::UserSecretMissing)?;
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(whose, secret, &ring).await?;
        Ok(Some((ring, kek)))
    }

    /// Commits a token with `changes`.
    async fn insert_token(
        &self,
        whose: Member,
        scope: &TokenScope,
        keys: &GrantedKeys,
        expires: UtcMillis,
        changes: ChangeSet,
    ) -> Result<MadeToken, VaultError> {
        let sweep = TokenChange::SweepExpired {
            now: self.clock.utc(),
            limit: SWEPT_MAX,
        };
        let changes = changes.with(sweep.into());
        for _ in 0..KEY_ID_ATTEMPTS_MAX {
            let (row, text) = self.new_token(whose, scope, keys, expires)?;
            let token = Token::read(&row)?;
            let insert = TokenChange::Insert(row);
            match self.commit(changes.clone().with(insert.into())).await {
                Ok(_) => return Ok(MadeToken { token, text }),
                Err(CommitError::Store(StoreError::Conflict {
                    what: conflict::TOKEN,
                })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(VaultError::Internal("no free token id was found"))
    }

    fn new_token(
        &self,
        whose: Member,
        scope: &TokenScope,
        keys: &GrantedKeys,
        expires: UtcMillis,
    ) -> Result<(TokenRow, SecretString), VaultError> {
        let (token, text) = PresentedKey::make(SecretKind::AccessToken).map_err(made)?;
        let key_id = KeyId::parse(token.id().as_str());
        let mut row = TokenRow {
            key_id: key_id.ok_or(VaultError::Internal("a token id of another form"))?,
            token_id: Uuid::now_v7().into(),
            org_id: whose.org_id,
            user_id: whose.user_id,
            key_hash: key_hash::hash(&self.root_keys, &token, Some(whose.owner())),
            scope: scope.to_bytes(),
            boxes: Vec::new(),
            created: self.clock.utc(),
            expires,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        let key = TokenKey::derive(&token, &place(whose, &row, scope)).map_err(made)?;
        let mut boxes = TokenBoxes::default();
        if let Some(account_key) = &keys.account {
            boxes.add_account_key(&key, account_key)?;
        }
        for granted in &keys.credentials {
            match granted {
                KeyToGrant::Passphrase(own) => boxes.add_credential_key(&key, own)?,
                KeyToGrant::Version {
                    key: own,
                    of,
                    place,
                } => boxes.add_data_key(&key, own, *of, *place)?,
            }
        }
        row.boxes = boxes.to_bytes();
        Ok((self.integrity.sign(row), text))
    }
}

/// Where the credentials may go now.
fn patterns(granted: &[CredentialRead]) -> Result<Vec<HostPattern>, VaultError> {
    let allowed = SubstringPatterns::AllowedByOperator;
    let parse = |read: &CredentialRead| {
        HostPattern::parse_with(&read.credential.host_pattern, allowed)
            .map_err(|_| VaultError::Tampered("the host pattern of a credential"))
    };
    granted.iter().map(parse).collect()
}
