//! A trustee opens a share, to hand it to the one who joins.

use clap::Args;
use secrecy::ExposeSecret;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Actor, AnswerArgs};
use crate::remote::{Outcome, show};
use crate::serve::say;

/// Options of `recovery open`.
#[derive(Debug, Args)]
pub(crate) struct Open {
    #[command(flatten)]
    actor: Actor,

    #[command(flatten)]
    answer: AnswerArgs,

    /// The owner's user id.
    #[arg(long)]
    owner: Uuid,
}

impl Open {
    pub(super) async fn open(self) -> Outcome {
        let client = self.actor.remote.client()?;
        let keys = self.actor.keys(&client).await?;
        let held = client.held_share(&self.owner.to_string()).await?;
        let opened = held.open(&keys, self.answer.read()?.as_ref())?;
        say(&format!(
            "share {} of {}, {} are needed\n",
            opened.share.x(),
            opened.share.count(),
            opened.share.threshold()
        ));
        // Expose: the trustee hands it on.
        let text = opened.share.to_text();
        show(&Zeroizing::new(format!("{}\n", text.expose_secret())))
    }
}
