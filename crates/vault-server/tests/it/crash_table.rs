//! `kill -9` at each step of the store and of the bodies of files, while a use case is at work.
//!
//! A child process serves a copy of a directory and stands still before, in or after one of its
//! steps; it is killed there. The directory is served again and everybody looks at everything: the
//! state is the one before the call or the one after it, the latter if the call was acknowledged,
//! and what was not done can be done now. No row is without its body, and no body without its row.
//!
//! What happens within the last step of a body (sync, rename, sync of the directory) a kill cannot
//! tell from its beginning or end, but for one moment in between, which `During` may meet: what is
//! written stays written when a process ends.

mod acts;
mod child;
mod seen;
mod watched;

pub(crate) use watched::{step, watched};

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use self::acts::{Act, FILES, KEYS, RECOVERY, SHARES, Scene, Site, WRITES};
use self::child::Server;
use self::seen::seen;
use self::watched::Phase;
use crate::api_files::bodies;
use crate::api_support::{Api, Calls};

const PHASES: [Phase; 3] = [Phase::Before, Phase::During, Phase::After];
/// More than any call takes.
const STEPS_MAX: u32 = 50;

/// How a killed process came to its end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It stood still at the step.
    AtStep,
    /// The call was answered first: it has fewer steps.
    Answered,
}

#[tokio::test]
async fn writes_survive_a_kill_at_every_step() {
    hold(WRITES).await;
}

#[tokio::test]
async fn shares_survive_a_kill_at_every_step() {
    hold(SHARES).await;
}

#[tokio::test]
async fn keys_survive_a_kill_at_every_step() {
    hold(KEYS).await;
}

#[tokio::test]
async fn files_survive_a_kill_at_every_step() {
    hold(FILES).await;
}

#[tokio::test]
async fn recovery_survives_a_kill_at_every_step() {
    hold(RECOVERY).await;
}

async fn hold(acts: &[Act]) {
    let scene = Scene::set().await;
    let api = scene.serve(scene.template.path()).await;
    let old = seen(&api, &scene).await;
    for act in acts {
        let new = done(&scene, act).await;
        assert_ne!(old, new, "{} changes something", act.what);
        for phase in PHASES {
            let steps = kill_at_each(&scene, act, phase, (&old, &new)).await;
            assert!(steps > 0, "{} has no step", act.what);
        }
    }
}

/// What is seen when the act is done and nobody is killed.
async fn done(scene: &Scene, act: &Act) -> Value {
    let api = scene.serve(scene.template.path()).await;
    let answer = act.request(scene, &Site::at(api.address)).answer().await;
    assert!(answer.status < 300, "{}: {answer:?}", act.what);
    seen(&api, scene).await
}

/// Kills at every step; how many there are.
async fn kill_at_each(scene: &Scene, act: &Act, phase: Phase, states: (&Value, &Value)) -> usize {
    let mut is_new = Vec::new();
    for step in 1..STEPS_MAX {
        let (end, state) = kill_at(scene, act, (phase, step), states).await;
        if end == End::Answered {
            if phase == Phase::Before {
                assert_eq!(is_new.first(), Some(&false), "{}: too early", act.what);
            }
            if phase == Phase::After {
                assert_eq!(is_new.last(), Some(&true), "{}: too late", act.what);
            }
            return is_new.len();
        }
        is_new.push(state == *states.1);
    }
    panic!("{} does not end", act.what);
}

/// Kills at one step; how the process ended and what is left.
async fn kill_at(
    scene: &Scene,
    act: &Act,
    (phase, step): (Phase, u32),
    (old, new): (&Value, &Value),
) -> (End, Value) {
    let what = format!("{} killed {phase:?} step {step}", act.what);
    let mut server = Server::start(scene.template.path(), phase, step).await;
    let site = Site::at(server.address);
    let call = act.request(scene, &site).send();
    let end = tokio::select! {
        answered = call => {
            let status = answered.unwrap().status().as_u16();
            assert!(status < 300, "{what}: {status}");
            End::Answered
        }
        () = server.stands() => End::AtStep,
    };
    let left = server.kill();
    let api = scene.serve(&left.0).await;
    has_the_right_bodies(&api, &what).await;
    let state = seen(&api, scene).await;
    assert!(state == *old || state == *new, "{what}: {state:#}");
    if end == End::Answered {
        assert_eq!(state, *new, "{what}: acknowledged and lost");
    }
    if state == *old {
        let again = act.request(scene, &Site::at(api.address)).answer().await;
        assert!(again.status < 300, "{what}, again: {again:?}");
        assert_eq!(seen(&api, scene).await, *new, "{what}, again");
        let lost = has_the_right_bodies(&api, &what).await;
        assert_eq!(lost, 0, "{what}, again: a body is nobody's");
    }
    (end, state)
}

/// After what a start does: every body is a row's, every row has its body. How many bodies of
/// nobody were set aside.
async fn has_the_right_bodies(api: &Api, what: &str) -> u64 {
    let tidied = api.vault.clear_after_crash().await.unwrap();
    let stored = bodies(api).into_iter();
    let stored = stored.filter(|path| !path.starts_with(api.files().join("lost")));
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let stored: BTreeSet<String> = stored.map(name).collect();
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let mut named = db.prepare("SELECT lower(hex(body)) FROM files").unwrap();
    let named = named.query_map([], |row| row.get(0)).unwrap();
    let named: BTreeSet<String> = named.map(Result::unwrap).collect();
    assert_eq!(stored, named, "{what}: bodies and rows");
    assert_eq!(api.count("erased_bodies"), 0, "{what}");
    tidied.set_aside
}
