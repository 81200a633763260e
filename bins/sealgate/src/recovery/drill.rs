//! The whole ceremony on a real server, with users made for it.
//!
//! A rehearsal must not put anybody's keys at risk, so it touches nobody's: an administrator of
//! an organisation lets it make an owner and trustees, who do what real ones would, until the
//! recovered secret reads a value that the lost one had sealed. Then the users are removed. It
//! proves the server, this program and the way between them; whether your own trustees still
//! have their secrets, only they can tell.

use clap::Args;
use hardened_crypto::recovery::{Answer, RecoveryShare};
use hardened_crypto::user_secret::UserSecret;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use vault_client::recovery::{NewTrustee, join, split};
use vault_client::{Client, NewUser, Write};

use crate::remote::{Outcome, Remote};
use crate::serve::say;

/// Trustees of a rehearsal, at most.
const TRUSTEES_MAX: u8 = 16;
/// The name of the value that is read in the end.
const VALUE_NAME: &str = "recovery-drill";
const HINT: &str = "name of a dog";
const ANSWER: &str = "Rex";

/// Options of `recovery drill`.
#[derive(Debug, Args)]
pub(crate) struct Drill {
    #[command(flatten)]
    remote: Remote,

    /// The organisation in which the users are made; the API key is an administrator's.
    #[arg(long)]
    org: Uuid,

    /// Trustees that are needed together.
    #[arg(long, default_value_t = 2)]
    threshold: u8,

    /// Trustees in all.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(TRUSTEES_MAX)))]
    trustees: u8,
}

/// A user who plays a part.
struct Player {
    user_id: String,
    client: Client,
    secret: SecretString,
}

impl Drill {
    pub(super) async fn drill(self) -> Outcome {
        let admin = self.remote.client()?;
        let mut made = Vec::new();
        let outcome = self.rehearse(&admin, &mut made).await;
        let removed = self.remove(&admin, &made).await;
        outcome?;
        removed?;
        say("The drill succeeded: the recovered secret read the value.\n");
        Ok(())
    }

    /// `made` names every user, also when a later step fails.
    async fn rehearse(&self, admin: &Client, made: &mut Vec<String>) -> Outcome {
        let owner = self.player(admin, made, "recovery-drill-owner").await?;
        let mut trustees = Vec::new();
        for number in 1..=self.trustees {
            let name = format!("recovery-drill-trustee-{number}");
            trustees.push(self.player(admin, made, &name).await?);
        }
        let value = Uuid::now_v7().to_string();
        let write = Write::default();
        owner
            .client
            .put(VALUE_NAME, value.as_bytes(), &write)
            .await?;
        say("a value is sealed to a user whose secret will be lost\n");
        self.entrust(&owner, &trustees).await?;
        say(&format!(
            "{} trustees hold shares, {} are needed\n",
            self.trustees, self.threshold
        ));
        let new = restore(
            &owner,
            &trustees[..usize::from(self.threshold.min(self.trustees))],
        )
        .await?;
        let staged = owner.client.restores().await?;
        let [staged] = &staged[..] else {
            return Err("the restore is not there".into());
        };
        let kept = owner.client.read(VALUE_NAME, &owner.secret).await?;
        if kept.bytes.as_slice() != value.as_bytes() {
            return Err("staging a restore changed what the old secret reads".into());
        }
        say("a restore is staged, and the old secret still reads\n");
        let last = UserSecret::make()?.1;
        let activate = owner
            .client
            .activate_restore(&staged.restore_id, &new, Some(&last));
        activate.await?;
        let read = owner.client.read(VALUE_NAME, &last).await?;
        if read.bytes.as_slice() != value.as_bytes() {
            return Err("the recovered secret read something else".into());
        }
        if owner.client.read(VALUE_NAME, &owner.secret).await.is_ok() {
            return Err("the lost secret still reads".into());
        }
        Ok(())
    }

    async fn player(&self, admin: &Client, made: &mut Vec<String>, name: &str) -> Outcome<Player> {
        let user: NewUser = admin
            .create_user(&self.org.to_string(), name, false)
            .await?;
        made.push(user.user_id.clone());
        let (_, secret) = UserSecret::make()?;
        let client = self.remote.client_as(user.api_key)?;
        client.generate_keys(&secret).await?;
        Ok(Player {
            user_id: user.user_id,
            client,
            secret,
        })
    }

    async fn entrust(&self, owner: &Player, trustees: &[Player]) -> Outcome {
        let mut named = Vec::with_capacity(trustees.len());
        for trustee in trustees {
            let user = owner.client.org_user(&trustee.user_id).await?;
            named.push(NewTrustee::colleague(
                &user,
                None,
                Some(Answer::new(ANSWER)?),
            )?);
        }
        let keys = owner.client.open_keys(&owner.secret).await?;
        for entrusted in split(&keys, self.threshold, named)? {
            owner.client.put_trustee(&entrusted, HINT, 0).await?;
        }
        Ok(())
    }

    async fn remove(&self, admin: &Client, made: &[String]) -> Outcome {
        let mut left = Vec::new();
        for user_id in made {
            let removed = admin.remove_user(&self.org.to_string(), user_id).await;
            if removed.is_err() {
                left.push(user_id.as_str());
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "users of the drill that were not removed: {}",
                left.join(", ")
            )
            .into())
        }
    }
}

/// The trustees recover the owner's keys; the last of them joins. Returns the new secret.
async fn restore(owner: &Player, trustees: &[Player]) -> Outcome<SecretString> {
    let (joiner, others) = trustees.split_last().ok_or("no trustee is needed")?;
    let answer = Answer::new(ANSWER)?;
    let mut shares = Vec::with_capacity(others.len());
    for trustee in others {
        let held = trustee.client.held_share(&owner.user_id).await?;
        let keys = trustee.client.open_keys(&trustee.secret).await?;
        // Handed on as text, as between people.
        let text = held.open(&keys, Some(&answer))?.share.to_text();
        shares.push(RecoveryShare::parse_text(text.expose_secret().as_bytes())?);
    }
    let held = joiner.client.held_share(&owner.user_id).await?;
    let keys = joiner.client.open_keys(&joiner.secret).await?;
    let own = held.open(&keys, Some(&answer))?;
    let (_, new) = UserSecret::make()?;
    let blobs = join(&held, own, shares, &new)?;
    joiner.client.stage_restore(&held, &blobs).await?;
    Ok(new)
}
