//! The owner entrusts the private keys to others.

use clap::Args;
use hardened_crypto::recovery::Answer;
use vault_client::recovery::{NewTrustee, split};
use vault_client::{Client, OrgUser};

use super::{Actor, AnswerArgs, normalised};
use crate::remote::Outcome;
use crate::serve::say;

/// How long a restore waits unless the owner says otherwise: a day in which to veto it.
const WAIT_SECONDS_DEFAULT: u32 = 24 * 60 * 60;

/// Options of `recovery split`.
#[derive(Debug, Args)]
pub(crate) struct Split {
    #[command(flatten)]
    actor: Actor,

    #[command(flatten)]
    answer: AnswerArgs,

    /// Trustees that are needed together; 1 for a lone trustee.
    #[arg(long)]
    threshold: u8,

    /// A trustee's user id; `ID=FINGERPRINT` refuses other keys than those. Repeat for each.
    #[arg(long = "trustee", required = true)]
    trustees: Vec<String>,

    /// A question whose answer is needed beside every share. Readable on the server.
    #[arg(long)]
    hint: Option<String>,

    /// Seconds that a restore waits before it can become active.
    #[arg(long, default_value_t = WAIT_SECONDS_DEFAULT)]
    wait_seconds: u32,
}

impl Split {
    pub(super) async fn split(self) -> Outcome {
        let client = self.actor.remote.client()?;
        let answer = self.answer.text()?;
        if self.hint.is_some() != answer.is_some() {
            return Err("a hint and an answer belong together".into());
        }
        let mut trustees = Vec::with_capacity(self.trustees.len());
        for named in &self.trustees {
            let answer = answer.as_ref().map(normalised).transpose()?;
            trustees.push(trustee(&client, named, answer).await?);
        }
        let keys = self.actor.keys(&client).await?;
        let hint = self.hint.as_deref().unwrap_or_default();
        for entrusted in split(&keys, self.threshold, trustees)? {
            let stored = client
                .put_trustee(&entrusted, hint, self.wait_seconds)
                .await?;
            say(&format!(
                "trustee {} holds a share of set {}\n",
                stored.trustee_user_id, stored.set_id
            ));
        }
        say("Whoever held a share before and is not named here keeps it until you remove them.\n");
        Ok(())
    }
}

async fn trustee(client: &Client, named: &str, answer: Option<Answer>) -> Outcome<NewTrustee> {
    let (id, pinned) = match named.split_once('=') {
        Some((id, pinned)) => (id, Some(pinned)),
        None => (named, None),
    };
    let user: OrgUser = client.org_user(id).await?;
    Ok(NewTrustee::colleague(&user, pinned, answer)?)
}
