//! What users do, at random.

use proptest::prelude::*;

/// Users of the first organisation, then those of the second.
pub(crate) const FIRST_ORG: usize = 3;
pub(crate) const USERS: usize = 5;
/// Names that everybody uses.
pub(crate) const NAMES: [&str; 2] = ["x", "y/z"];
const STEPS_MAX: usize = 24;

/// Who, as an index of a user.
pub(crate) type Who = usize;
/// What, as an index of a name.
pub(crate) type What = usize;
/// Seconds from now.
pub(crate) type Lifetime = Option<i64>;

/// One call, or some time.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Who, What, Lifetime),
    Delete(Who, What),
    Undelete(Who, What),
    Destroy(Who, What),
    /// Back to the version with this number.
    Rollback(Who, What, u64),
    Share(Who, What, Who, Lifetime),
    /// Ends the share with this user, perhaps with a new data key.
    Revoke(Who, What, Who, bool),
    /// The recipient gives the share of this owner's value back.
    Leave(Who, Who, What),
    Rekey(Who),
    Rotate(Who),
    Disable(Who, bool),
    /// Everything of this user is read.
    Look(Who),
    Wait(i64),
}

fn who() -> impl Strategy<Value = Who> {
    0..USERS
}

fn what() -> impl Strategy<Value = What> {
    0..NAMES.len()
}

/// Mostly for ever.
fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![3 => Just(None), 1 => (1..20_i64).prop_map(Some)]
}

/// Mostly users of one organisation and mostly of its first two, so that their calls meet.
fn pair() -> impl Strategy<Value = (Who, Who)> {
    prop_oneof![
        6 => Just((0, 1)),
        3 => Just((1, 0)),
        3 => (0..FIRST_ORG, 0..FIRST_ORG),
        1 => (who(), who()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let owner = || prop_oneof![3 => Just(0), 1 => who()];
    prop_oneof![
        6 => (owner(), what(), lifetime()).prop_map(|(u, n, l)| Step::Put(u, n, l)),
        2 => (owner(), what()).prop_map(|(u, n)| Step::Delete(u, n)),
        2 => (owner(), what()).prop_map(|(u, n)| Step::Undelete(u, n)),
        1 => (owner(), what()).prop_map(|(u, n)| Step::Destroy(u, n)),
        2 => (owner(), what(), 1..4_u64).prop_map(|(u, n, v)| Step::Rollback(u, n, v)),
        6 => (pair(), what(), lifetime()).prop_map(|((u, to), n, l)| Step::Share(u, n, to, l)),
        3 => (pair(), what(), any::<bool>()).prop_map(|((u, to), n, k)| Step::Revoke(u, n, to, k)),
        1 => (pair(), what()).prop_map(|((owner, to), n)| Step::Leave(to, owner, n)),
        1 => who().prop_map(Step::Rekey),
        1 => who().prop_map(Step::Rotate),
        1 => (who(), any::<bool>()).prop_map(|(u, on)| Step::Disable(u, on)),
        3 => owner().prop_map(Step::Look),
        2 => (1..12_i64).prop_map(Step::Wait),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..STEPS_MAX)
}
