//! What happens to an answer that repeats a credential's value, as a number in its row.
//!
//! The row's MAC authenticates the number, so only the owner changes it; who uses a shared
//! credential gets the owner's choice.

use credential_injector::EchoScrub;
use vault_store::rows::CredentialRow;

use crate::vault::error::VaultError;

/// Also in every row from before there was a choice.
const REDACT: u8 = 0;
const REFUSE: u8 = 1;
const OFF: u8 = 2;

/// The number of a choice.
pub(super) fn to_number(echo: EchoScrub) -> u8 {
    match echo {
        EchoScrub::Redact => REDACT,
        EchoScrub::Refuse => REFUSE,
        EchoScrub::Off => OFF,
    }
}

/// The choice in an authenticated row.
///
/// # Errors
/// `Tampered` for a number that stands for nothing.
pub(super) fn of(row: &CredentialRow) -> Result<EchoScrub, VaultError> {
    of_number(row.echo)
}

fn of_number(number: u8) -> Result<EchoScrub, VaultError> {
    match number {
        REDACT => Ok(EchoScrub::Redact),
        REFUSE => Ok(EchoScrub::Refuse),
        OFF => Ok(EchoScrub::Off),
        _ => Err(VaultError::Tampered("the echo setting of a credential")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nought_redacts_and_unknown_numbers_are_tampered() {
        assert!(matches!(of_number(0), Ok(EchoScrub::Redact)));
        for echo in [EchoScrub::Redact, EchoScrub::Refuse, EchoScrub::Off] {
            assert!(of_number(to_number(echo)).is_ok_and(|found| found == echo));
        }
        for unknown in 3..=u8::MAX {
            assert!(matches!(of_number(unknown), Err(VaultError::Tampered(_))));
        }
    }
}
