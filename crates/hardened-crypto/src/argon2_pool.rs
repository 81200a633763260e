//! A few threads for Argon2id, each with an arena that it keeps.
//!
//! In: jobs that need an [`Argon2Arena`]. Out: the same jobs, run on threads of their own,
//! never more at once than there are threads. A job carries its answer away by itself, for
//! example through a one-shot channel.
//!
//! Promise: handing in a job never blocks; with all threads busy and the queue full it is
//! refused at once. A job that panics ends alone: its thread goes on with an arena that has
//! been wiped. Dropping the pool waits for the jobs that run and drops the ones that still
//! wait without running them, so that a stop takes no longer than one hash.
//!
//! Not here: what is hashed (`user_secret`), async (a caller awaits its own channel), and
//! who may ask for a hash, which is to be decided before a job gets here.

use crate::{
    error::{Error, Result},
    user_secret::Argon2Arena,
};
use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// Most threads of one pool.
pub const POOL_THREADS_MAX: usize = 256;
/// Longest queue of one pool.
pub const POOL_QUEUE_MAX: usize = 65_536;

/// How large a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// Jobs that run at once, 1 to [`POOL_THREADS_MAX`]. Each may hold the memory of one
    /// hash: 256 MiB at the most costly setting, and 64 MiB when idle.
    pub threads: usize,
    /// Jobs that wait while all threads are busy, 0 to [`POOL_QUEUE_MAX`].
    pub queue: usize,
}

/// All threads are busy and the queue is full, or the pool is being dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password hashing pool is full")]
pub struct PoolFull;

type Job = Box<dyn FnOnce(&mut Argon2Arena) + Send>;

/// A bounded pool of threads; see the module header.
///
/// ```
/// use hardened_crypto::argon2_pool::{Argon2Pool, PoolSize};
/// use std::sync::mpsc;
///
/// let pool = Argon2Pool::new(PoolSize { threads: 1, queue: 8 })?;
/// let (send, receive) = mpsc::channel();
/// pool.try_run(move |_arena| send.send("done").expect("the receiver waits"))?;
/// assert_eq!(receive.recv(), Ok("done"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Argon2Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    size: PoolSize,
}

impl Argon2Pool {
    /// Starts the threads. They take no memory for arenas until they first hash.
    ///
    /// # Errors
    /// `Policy` for a size out of range; `Unavailable` when the system gives no thread.
    pub fn new(size: PoolSize) -> Result<Self> {
        if !(1..=POOL_THREADS_MAX).contains(&size.threads) || size.queue > POOL_QUEUE_MAX {
            return Err(Error::policy("pool size out of range"));
        }
        let mut pool = Self {
            shared: Arc::default(),
            threads: Vec::with_capacity(size.threads),
            size,
        };
        for _ in 0..size.threads {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new()
                .name("argon2".to_owned())
                .spawn(move || shared.work())
                .map_err(|_| Error::unavailable("the system gave no thread"))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Hands in a job. Returns at once in every case.
    ///
    /// # Errors
    /// [`PoolFull`] when as many jobs run and wait as may; the job is dropped.
    pub fn try_run(
        &self,
        job: impl FnOnce(&mut Argon2Arena) + Send + 'static,
    ) -> Result<(), PoolFull> {
        let job: Job = Box::new(job);
        let mut state = self.shared.lock();
        let in_flight = state.running + state.waiting.len();
        if state.closing || in_flight >= self.size.threads + self.size.queue {
            return Err(PoolFull);
        }
        state.waiting.push_back(job);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// How large the pool was made.
    #[must_use]
    pub fn size(&self) -> PoolSize {
        self.size
    }
}

impl Drop for Argon2Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        let never_run = std::mem::take(&mut state.waiting);
        drop(state);
        self.shared.changed.notify_all();
        drop(never_run);
        let this_thread = thread::current().id();
        for thread in self.threads.drain(..) {
            // A job may have held the last handle to the pool: a thread cannot join itself.
            if thread.thread().id() != this_thread {
                // An error is a panic outside any job, which has been reported already.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Argon2Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Pool")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A job was added, or the pool is closing.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    closing: bool,
}

impl Shared {
    /// No job runs under the lock, and no step under it can fail half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of one thread.
    fn work(&self) {
        let mut arena = Argon2Arena::default();
        while let Some(job) = self.next() {
            // Unwind safe: hashing wipes the arena on the way out, whatever the way.
            let finished = catch_unwind(AssertUnwindSafe(|| job(&mut arena)));
            if finished.is_err() {
                arena = Argon2Arena::default();
            }
            self.lock().running -= 1;
        }
    }

    /// Waits for a job; `None` when the pool closes.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closing {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.running += 1;
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{OrgId, UserId},
        user_secret::{PassphraseCost, SecretOwner, UserSecret},
    };
    use std::sync::mpsc;

    fn pool(threads: usize, queue: usize) -> Argon2Pool {
        Argon2Pool::new(PoolSize { threads, queue }).unwrap()
    }

    /// Occupies one thread until the returned sender is dropped.
    fn occupy(pool: &Argon2Pool) -> mpsc::Sender<()> {
        let (release, wait) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        pool.try_run(move |_| {
            started.send(()).unwrap();
            let _ = wait.recv();
        })
        .unwrap();
        has_started.recv().unwrap();
        release
    }

    #[test]
    fn hashes_as_without_a_pool() {
        let owner = SecretOwner {
            org: OrgId([1; 16]),
            user: UserId([2; 16]),
        };
        let cost = PassphraseCost::DEFAULT;
        let pool = pool(1, 1);
        let (send, receive) = mpsc::channel();
        pool.try_run(move |arena| {
            let secret = UserSecret::for_unlock(b"correct horse battery").unwrap();
            send.send(secret.protect(owner, 1, cost, arena)).unwrap();
        })
        .unwrap();
        let (protection, kek) = receive.recv().unwrap().unwrap();
        let secret = UserSecret::for_unlock(b"correct horse battery").unwrap();
        let again = secret.unlock(owner, &protection, &mut Argon2Arena::default());
        assert_eq!(again.unwrap().expose(), kek.expose());
    }

    #[test]
    fn a_full_pool_refuses_at_once_and_recovers() {
        let pool = pool(1, 2);
        let release = occupy(&pool);
        let (done, is_done) = mpsc::channel();
        for _ in 0..2 {
            let done = done.clone();
            pool.try_run(move |_| done.send(()).unwrap()).unwrap();
        }
        assert_eq!(pool.try_run(|_| ()), Err(PoolFull));
        drop(release);
        for _ in 0..2 {
            is_done.recv().unwrap();
        }
        // The first of the two has left the pool by now, so there is room again.
        pool.try_run(move |_| done.send(()).unwrap()).unwrap();
        is_done.recv().unwrap();
    }

    #[test]
    fn without_a_queue_every_thread_is_still_used() {
        let pool = pool(2, 0);
        let _one = occupy(&pool);
        let _other = occupy(&pool);
        assert_eq!(pool.try_run(|_| ()), Err(PoolFull));
    }

    #[test]
    fn a_panicking_job_leaves_its_thread_in_service() {
        let pool = pool(1, 1);
        let (started, has_started) = mpsc::channel::<()>();
        pool.try_run(move |_| {
            // Dropped by unwinding, which tells the test that the job is over.
            let _started = started;
            panic!("a job that fails on purpose");
        })
        .unwrap();
        assert!(has_started.recv().is_err());
        let (send, receive) = mpsc::channel();
        pool.try_run(move |_| send.send(7).unwrap()).unwrap();
        assert_eq!(receive.recv(), Ok(7));
    }

    #[test]
    fn dropping_waits_for_running_jobs_and_drops_waiting_ones() {
        let pool = pool(1, 1);
        let (started, has_started) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let (finished, is_finished) = mpsc::channel();
        pool.try_run(move |_| {
            started.send(()).unwrap();
            let _ = wait.recv();
            finished.send("ran to its end").unwrap();
        })
        .unwrap();
        has_started.recv().unwrap();
        let (never, was_dropped) = mpsc::channel::<()>();
        pool.try_run(move |_| never.send(()).unwrap()).unwrap();

        let dropping = thread::spawn(move || drop(pool));
        // The waiting job is dropped before the running one is waited for.
        assert!(was_dropped.recv().is_err());
        drop(release);
        dropping.join().unwrap();
        assert_eq!(is_finished.try_recv(), Ok("ran to its end"));
    }

    #[test]
    fn a_job_may_hold_the_last_handle() {
        let pool = Arc::new(pool(1, 1));
        let (send, receive) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let held = Arc::clone(&pool);
        pool.try_run(move |_| {
            let _ = wait.recv();
            drop(held);
            send.send(()).unwrap();
        })
        .unwrap();
        drop(pool);
        drop(release);
        assert_eq!(receive.recv(), Ok(()));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for size in [
            PoolSize {
                threads: 0,
                queue: 1,
            },
            PoolSize {
                threads: POOL_THREADS_MAX + 1,
                queue: 1,
            },
            PoolSize {
                threads: 1,
                queue: POOL_QUEUE_MAX + 1,
            },
        ] {
            assert!(Argon2Pool::new(size).is_err(), "{size:?}");
        }
    }
}
