//! What users do, at random.

use proptest::prelude::*;

/// Users of the first organisation, then those of the second.
pub(crate) const FIRST_ORG: usize = 3;
pub(crate) const USERS: usize = 5;
/// Names that everybody uses.
pub(crate) const NAMES: [&str; 2] = ["x", "y/z"];
const STEPS_MAX: usize = 22;

/// Who, as an index of a user.
pub(crate) type Who = usize;
/// What, as an index of a name.
pub(crate) type What = usize;
/// Which of somebody's files or credentials, counted round.
pub(crate) type Nth = usize;
/// Seconds from now.
pub(crate) type Lifetime = Option<i64>;

/// One of somebody's things.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Thing {
    Value(What),
    File(Nth),
    Credential(Nth),
}

/// What a token is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    /// Values whose name starts as this one does.
    Names(What),
    /// A credential under the passphrase.
    Credential(Nth),
}

/// One call, or some time.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Who, What, Lifetime),
    Delete(Who, What),
    Undelete(Who, What),
    Destroy(Who, What),
    /// Back to the version with this number.
    Rollback(Who, What, u64),
    Upload(Who),
    /// A credential, perhaps under the passphrase.
    Keep(Who, bool, Lifetime),
    /// Another value for a credential.
    Replace(Who, Nth),
    RollbackCredential(Who, Nth, u64),
    /// Ends a file or a credential.
    Erase(Who, Thing),
    Share(Who, Thing, Who, Lifetime),
    /// Ends the share with this user, perhaps with a new data key.
    Revoke(Who, Thing, Who, bool),
    /// The recipient gives the share of this owner's thing back.
    Leave(Who, Who, Thing),
    /// A token for so many seconds.
    Grant(Who, Scope, i64),
    EndToken(Who, Nth),
    Rekey(Who),
    Rotate(Who),
    Disable(Who, bool),
    Remove(Who),
    /// Everything of this user is read.
    Look(Who),
    Wait(i64),
}

fn who() -> impl Strategy<Value = Who> {
    0..USERS
}

fn owner() -> impl Strategy<Value = Who> {
    prop_oneof![3 => Just(0), 1 => who()]
}

fn what() -> impl Strategy<Value = What> {
    0..NAMES.len()
}

fn nth() -> impl Strategy<Value = Nth> {
    0..3_usize
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        3 => what().prop_map(Thing::Value),
        3 => nth().prop_map(Thing::File),
        3 => nth().prop_map(Thing::Credential),
    ]
}

fn erasable() -> impl Strategy<Value = Thing> {
    prop_oneof![
        nth().prop_map(Thing::File),
        nth().prop_map(Thing::Credential)
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        what().prop_map(Scope::Names),
        nth().prop_map(Scope::Credential)
    ]
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

fn of_values() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (owner(), what(), lifetime()).prop_map(|(u, n, l)| Step::Put(u, n, l)),
        2 => (owner(), what()).prop_map(|(u, n)| Step::Delete(u, n)),
        2 => (owner(), what()).prop_map(|(u, n)| Step::Undelete(u, n)),
        1 => (owner(), what()).prop_map(|(u, n)| Step::Destroy(u, n)),
        2 => (owner(), what(), 1..4_u64).prop_map(|(u, n, v)| Step::Rollback(u, n, v)),
    ]
}

fn of_files_and_credentials() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => owner().prop_map(Step::Upload),
        4 => (owner(), any::<bool>(), lifetime()).prop_map(|(u, p, l)| Step::Keep(u, p, l)),
        2 => (owner(), nth()).prop_map(|(u, n)| Step::Replace(u, n)),
        1 => (owner(), nth(), 1..4_u64).prop_map(|(u, n, v)| Step::RollbackCredential(u, n, v)),
        1 => (owner(), erasable()).prop_map(|(u, t)| Step::Erase(u, t)),
    ]
}

fn of_shares() -> impl Strategy<Value = Step> {
    prop_oneof![
        7 => (pair(), thing(), lifetime()).prop_map(|((u, to), t, l)| Step::Share(u, t, to, l)),
        3 => (pair(), thing(), any::<bool>()).prop_map(|((u, to), t, k)| Step::Revoke(u, t, to, k)),
        1 => (pair(), thing()).prop_map(|((owner, to), t)| Step::Leave(to, owner, t)),
    ]
}

fn of_users() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (owner(), scope(), 1..30_i64).prop_map(|(u, s, t)| Step::Grant(u, s, t)),
        1 => (owner(), nth()).prop_map(|(u, n)| Step::EndToken(u, n)),
        2 => who().prop_map(Step::Rekey),
        2 => who().prop_map(Step::Rotate),
        2 => (who(), any::<bool>()).prop_map(|(u, on)| Step::Disable(u, on)),
        1 => who().prop_map(Step::Remove),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => of_values(),
        12 => of_files_and_credentials(),
        12 => of_shares(),
        9 => of_users(),
        2 => owner().prop_map(Step::Look),
        3 => (1..12_i64).prop_map(Step::Wait),
    ]
}

/// Things that two users have and share, so that there is something to meet.
fn openings() -> Vec<Step> {
    let of_one = |owner: Who, with: Who| {
        let share = move |thing| Step::Share(owner, thing, with, None);
        [
            Step::Put(owner, 0, None),
            Step::Upload(owner),
            Step::Keep(owner, false, None),
            share(Thing::Value(0)),
            share(Thing::File(0)),
            share(Thing::Credential(0)),
            Step::Grant(owner, Scope::Names(0), 100),
            Step::Keep(owner, true, None),
            Step::Grant(owner, Scope::Credential(0), 100),
        ]
    };
    [of_one(0, 1), of_one(1, 0)].concat()
}

/// Some of the openings, then whatever comes.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let openings = openings();
    let some = prop::sample::subsequence(openings.clone(), 0..=openings.len());
    let more = prop::collection::vec(step(), 1..STEPS_MAX);
    (some, more).prop_map(|(some, more)| [some, more].concat())
}

impl Step {
    /// Whose lists are looked at afterwards.
    pub(crate) fn actor(&self) -> Who {
        match *self {
            Self::Put(who, ..)
            | Self::Delete(who, _)
            | Self::Undelete(who, _)
            | Self::Destroy(who, _)
            | Self::Rollback(who, ..)
            | Self::Upload(who)
            | Self::Keep(who, ..)
            | Self::Replace(who, _)
            | Self::RollbackCredential(who, ..)
            | Self::Erase(who, _)
            | Self::Leave(who, ..)
            | Self::Grant(who, ..)
            | Self::EndToken(who, _)
            | Self::Rekey(who)
            | Self::Rotate(who)
            | Self::Disable(who, _)
            | Self::Remove(who)
            | Self::Look(who) => who,
            // What changed is what the other one sees.
            Self::Share(_, _, with, _) | Self::Revoke(_, _, with, _) => with,
            Self::Wait(_) => 0,
        }
    }
}
