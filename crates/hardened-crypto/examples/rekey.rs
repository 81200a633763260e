//! Changes a user's secret: private keys get new boxes, values are not touched.
//!
//! `cargo run -p hardened-crypto --example rekey`

use hardened_crypto::{
    Result,
    account::{FIRST_GENERATION, NewAccount},
    account_key::AccountKey,
    ids::{OrgId, UserId},
    rekey::{ProtectedKeys, StoredKeyPair, rekey},
    user_secret::{Argon2Arena, PassphraseCost, SecretOwner, UserSecret},
};
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let owner = SecretOwner {
        org: OrgId([1; 16]),
        user: UserId([2; 16]),
    };
    let (mut arena, cost) = (Argon2Arena::default(), PassphraseCost::DEFAULT);
    let (old, _shown_once) = UserSecret::make()?;
    let (protection, kek) = old.protect(owner, 1, cost, &mut arena)?;
    let account = NewAccount::make(&kek)?;
    let stored = ProtectedKeys {
        account_key: account.account_key,
        key_pairs: vec![StoredKeyPair {
            generation: FIRST_GENERATION,
            public: account.public,
            private: account.private,
        }],
    };

    // Both secrets in hand: everything opens under the old one, and is boxed under the new.
    let (new, _shown_once) = UserSecret::make()?;
    let next_version = protection.secret_version() + 1;
    let (new_protection, new_kek) = new.protect(owner, next_version, cost, &mut arena)?;
    let old_kek = old.unlock(owner, &protection, &mut arena)?;
    let rekeyed = rekey(&stored, &old_kek, &new_kek)?;

    // The store replaces protection and boxes in one step. Then only the new secret opens.
    let kek = new.unlock(owner, &new_protection, &mut arena)?;
    let account_key = AccountKey::open(&kek, &rekeyed.account_key);
    let with_old = old.unlock(owner, &new_protection, &mut arena).map(|_| ());
    let mut out = io::stdout().lock();
    writeln!(out, "new secret: {}", account_key.is_ok())?;
    writeln!(
        out,
        "old secret: {:?}",
        with_old.map_err(|error| error.kind())
    )?;
    Ok(())
}
