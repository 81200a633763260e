//! Makes a token: proves that its maker can open what is granted, and boxes just those keys.

use std::time::Duration;

use credential_injector::{HostPattern, SubstringPatterns};
use hardened_crypto::account_key::AccountKey;
use hardened_crypto::credential::CredentialKey;
use hardened_crypto::key_hash;
use hardened_crypto::secret_format::{PresentedKey, SecretKind};
use hardened_crypto::token::TokenKey;
use hardened_crypto::user_secret::Kek;
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;
use vault_store::rows::{CredentialRow, FIRST_VERSION, TokenRow};
use vault_store::{ChangeSet, KeyId, StoreError, TokenChange, UtcMillis, conflict};

use super::grant::place;
use super::{ScopeTexts, TOKEN_TTL_MAX, TOKENS_PER_USER_MAX, Token, TokenBoxes, TokenScope};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
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
    credentials: Vec<CredentialKey>,
}

/// What must not have changed while a token was made: a rekey, a disabling and a change of role
/// end all tokens, also the one that is just being made.
#[derive(PartialEq, Eq)]
struct Standing {
    user: u64,
    keys: Option<u64>,
}

impl Vault {
    /// Makes a token for the caller. Values need the user secret, credentials their passphrase.
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
        self.judge_again(caller).await?;
        let expires = self.token_expiry(new.ttl)?;
        let scope = TokenScope::new(new.scope)?;
        if !scope.credentials().is_empty() && passphrase.is_none() {
            return Err(VaultError::PassphraseMissing);
        }
        if self.live_tokens(whose).await?.len() >= TOKENS_PER_USER_MAX {
            return Err(Invalid::TooManyTokens.into());
        }
        let before = self.standing(whose).await?;
        let rows = self.credentials_to_grant(whose, &scope).await?;
        let scope = scope.with_default_hosts(patterns(&rows)?)?;
        let unlocked = self.unlock_for_values(whose, &scope, secret).await?;
        let keys = GrantedKeys {
            account: unlocked
                .as_ref()
                .map(|(ring, kek)| ring.account_key(kek))
                .transpose()?,
            credentials: self.unlock_to_grant(whose, &rows, passphrase).await?,
        };
        let (row, text) = self.insert_token(whose, &scope, &keys, expires).await?;
        let may_still = self.judge_again(caller).await.is_ok();
        if !may_still || self.standing(whose).await? != before {
            // Nobody has seen the token.
            self.erase_token(&row).await?;
            return Err(VaultError::Conflict);
        }
        if let Some((ring, kek)) = unlocked {
            self.prepare_values(whose, scope.kv(), &ring, &kek).await?;
        }
        Ok(MadeToken {
            token: Token::read(&row)?,
            text,
        })
    }

    fn token_expiry(&self, ttl: Duration) -> Result<UtcMillis, VaultError> {
        let allowed = Duration::from_secs(1)..=TOKEN_TTL_MAX;
        let ms = i64::try_from(ttl.as_millis()).ok();
        let ms = ms.filter(|_| allowed.contains(&ttl));
        let expires = ms.and_then(|ms| self.clock.utc().0.checked_add(ms));
        expires.map(UtcMillis).ok_or(Invalid::TokenLife.into())
    }

    async fn standing(&self, whose: Member) -> Result<Standing, VaultError> {
        let user = self.store.user(whose.org_id, whose.user_id).await?;
        let user = user.ok_or(VaultError::Conflict)?;
        self.integrity.check(&user)?;
        if user.disabled {
            return Err(VaultError::Conflict);
        }
        let keys = self.key_ring(whose).await?;
        Ok(Standing {
            user: user.version,
            keys: keys.map(|ring| ring.keys.version),
        })
    }

    async fn credentials_to_grant(
        &self,
        whose: Member,
        scope: &TokenScope,
    ) -> Result<Vec<CredentialRow>, VaultError> {
        let mut rows = Vec::with_capacity(scope.credentials().len());
        for id in scope.credentials() {
            let row = self.credential_row(whose, *id).await;
            let row = row.map_err(|error| match error {
                VaultError::NotFound => VaultError::CredentialNotFound,
                other => other,
            })?;
            // The data key of such a one changes with its value: a box would not last.
            if row.protection.is_none() {
                return Err(Invalid::TokenCredential.into());
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// One password hash for each credential: their salts differ.
    async fn unlock_to_grant(
        &self,
        whose: Member,
        rows: &[CredentialRow],
        passphrase: Option<&SecretSlice<u8>>,
    ) -> Result<Vec<CredentialKey>, VaultError> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let passphrase = passphrase.ok_or(VaultError::PassphraseMissing)?;
            keys.push(self.unlock_credential(whose, row, passphrase).await?);
        }
        Ok(keys)
    }

    async fn unlock_for_values(
        &self,
        whose: Member,
        scope: &TokenScope,
        secret: Option<&SecretSlice<u8>>,
    ) -> Result<Option<(CheckedRing, Kek)>, VaultError> {
        if scope.kv().is_empty() {
            return Ok(None);
        }
        let secret = secret.ok_or(VaultError::UserSecretMissing)?;
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(whose, secret, &ring.protection).await?;
        Ok(Some((ring, kek)))
    }

    async fn insert_token(
        &self,
        whose: Member,
        scope: &TokenScope,
        keys: &GrantedKeys,
        expires: UtcMillis,
    ) -> Result<(TokenRow, SecretString), VaultError> {
        for _ in 0..KEY_ID_ATTEMPTS_MAX {
            let (row, text) = self.new_token(whose, scope, keys, expires)?;
            let sweep = TokenChange::SweepExpired {
                now: self.clock.utc(),
                limit: SWEPT_MAX,
            };
            let changes = ChangeSet::from(sweep).with(TokenChange::Insert(row.clone()).into());
            match self.commit(changes).await {
                Ok(_) => return Ok((row, text)),
                Err(StoreError::Conflict {
                    what: conflict::TOKEN,
                }) => {}
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
        for credential_key in &keys.credentials {
            boxes.add_credential_key(&key, credential_key)?;
        }
        row.boxes = boxes.to_bytes();
        Ok((self.integrity.sign(row), text))
    }
}

/// Where the credentials may go now.
fn patterns(rows: &[CredentialRow]) -> Result<Vec<HostPattern>, VaultError> {
    let allowed = SubstringPatterns::AllowedByOperator;
    let parse = |row: &CredentialRow| {
        HostPattern::parse_with(&row.host_pattern, allowed)
            .map_err(|_| VaultError::Tampered("the host pattern of a credential"))
    };
    rows.iter().map(parse).collect()
}
