//! Loses a secret, and gets the private keys back from two of three trustees.
//!
//! `cargo run -p hardened-crypto --example recover`

use hardened_crypto::{
    Result,
    account::{FIRST_GENERATION, NewAccount},
    ids::{OrgId, RecoverySetId, UserId},
    key_pair::PrivateKeys,
    recovery::{
        self, RecoveryKey, RecoverySet, Split, StagedRestore, StoredIdentity, TrusteeContext,
        WrappedShare,
    },
    user_secret::{Argon2Arena, PassphraseCost, SecretOwner, UserSecret},
};
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let owner = SecretOwner {
        org: OrgId([1; 16]),
        user: UserId([2; 16]),
    };
    let (mut arena, cost) = (Argon2Arena::default(), PassphraseCost::DEFAULT);
    let (secret, _shown_once) = UserSecret::make()?;
    let (_, kek) = secret.protect(owner, 1, cost, &mut arena)?;
    let account = NewAccount::make(&kek)?;

    // While all is well: an envelope for the owner's side, a share for each trustee.
    let set = RecoverySet {
        org: owner.org,
        owner: owner.user,
        set: RecoverySetId([3; 16]),
        version: 1,
    };
    let trustees = [
        PrivateKeys::make()?,
        PrivateKeys::make()?,
        PrivateKeys::make()?,
    ];
    let place = |number: u8| TrusteeContext {
        set,
        trustee: UserId([10 + number; 16]),
        trustee_generation: FIRST_GENERATION,
    };
    let keys = account
        .private
        .open(&kek, FIRST_GENERATION, &account.public)?;
    let recovery_key = RecoveryKey::make()?;
    let envelope = recovery::seal_private_keys(&recovery_key, &set, FIRST_GENERATION, &keys)?;
    let shares = recovery_key.split(&set, Split::new(2, 3)?)?;
    let mut wrapped = Vec::new();
    for (number, (share, trustee)) in (0..).zip(shares.iter().zip(&trustees)) {
        wrapped.push(WrappedShare::wrap(share, trustee.public(), &place(number))?);
    }

    // The secret is lost. Two trustees unwrap their shares.
    drop((secret, kek, keys, recovery_key, shares));
    let shares = [
        wrapped[0].unwrap(&trustees[0], &place(0))?,
        wrapped[2].unwrap(&trustees[2], &place(2))?,
    ];
    let recovery_key = RecoveryKey::combine(&set, &shares)?;
    let public = &account.public;
    let opened =
        recovery::open_private_keys(&recovery_key, &set, FIRST_GENERATION, public, &envelope);

    // They are staged under a new secret, and replace nothing until it opens them.
    let (secret, _shown_once) = UserSecret::make()?;
    let (protection, kek) = secret.protect(owner, 2, cost, &mut arena)?;
    let staged = StagedRestore::make(&kek, protection, &[(FIRST_GENERATION, opened?)], None)?;
    let stored = StoredIdentity {
        owner,
        secret_version: 1,
        public: &[(FIRST_GENERATION, account.public.clone())],
    };
    let restored = staged.open(&secret, &stored, &mut arena)?;
    let same = restored.key_pairs[0].1.public().fingerprint() == public.fingerprint();
    writeln!(io::stdout().lock(), "the same keys again: {same}")?;
    assert!(same);
    Ok(())
}
