//! The programs that run, and the processes that they leave behind.
//!
//! A program may start processes outside its process group, as setsid(1) does. So the server is the
//! subreaper of its descendants (PR_SET_CHILD_SUBREAPER), and each program that of its own: as long as a
//! program runs, all it started are its descendants. When it has ended, they are children of the
//! server that no program is known for.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{self, Pid};

use crate::reactor::poll::{Interest, wait};
use crate::sys::process;

/// A program was started by this process. Until it is [removed](remove), its pid is its own.
pub(crate) fn add(pid: Pid) {
    running().insert(pid);
}

/// The program is about to be reaped.
pub(crate) fn remove(pid: Pid) {
    running().remove(&pid);
}

/// Makes this process the subreaper of its descendants, if it can find the orphans among its children.
pub(crate) fn adopt_orphans() {
    let can_list = fs::exists(children_path()).unwrap_or(false);
    let adopts = can_list && prctl::set_child_subreaper(true).is_ok();
    ADOPTS.store(adopts, Ordering::Relaxed);
}

/// The same in a forked child, which has no programs yet.
pub(crate) fn adopt_orphans_in_child() {
    running().clear();
    adopt_orphans();
}

/// Kills and reaps the processes that programs left behind. Due at each SIGCHLD. Returns those that
/// have not ended yet.
pub(crate) fn end_orphans() -> Vec<Pid> {
    if !ADOPTS.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let running = running();
    let mut orphans = children();
    // A process that the service started by itself is in the group of the server.
    orphans.retain(|pid| {
        !running.contains(pid) && unistd::getpgid(Some(*pid)) != Ok(unistd::getpgrp())
    });
    orphans.retain(|&pid| {
        // It may belong to another user.
        kill(pid, Signal::SIGKILL).is_ok()
            && waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive)
    });
    orphans
}

/// Ends the processes that programs left behind, and waits for them, for a server that ends.
pub(crate) fn wait_for_orphans() {
    let deadline = Instant::now() + PATIENCE;
    // A process that ends may leave others behind.
    while let Some(&orphan) = end_orphans().first()
        && Instant::now() < deadline
    {
        wait_for_end(orphan, deadline);
    }
    if ADOPTS.swap(false, Ordering::Relaxed) {
        prctl::set_child_subreaper(false).ok(); // it worked with true
    }
}

/// Kills all running programs and their process groups, for a server that does not wait for the
/// threads that supervise them.
pub(crate) fn kill_all() {
    let programs: Vec<Pid> = running().iter().copied().collect();
    for &pid in &programs {
        killpg(pid, Signal::SIGKILL)
            .or_else(|_| kill(pid, Signal::SIGKILL))
            .ok();
    }
    let deadline = Instant::now() + PATIENCE;
    for pid in programs {
        wait_for_end(pid, deadline);
    }
}

/// Waits until a child has ended, without reaping it.
fn wait_for_end(pid: Pid, deadline: Instant) {
    if let Ok(pidfd) = process::pidfd(pid) {
        wait(&[((), pidfd.as_fd(), Interest::READ)], Some(deadline)).ok();
    }
}

/// The children of the main thread. The kernel gives orphans to that one.
fn children() -> Vec<Pid> {
    let list = fs::read_to_string(children_path()).unwrap_or_default();
    let pids = list.split_ascii_whitespace();
    pids.filter_map(|pid| pid.parse().ok())
        .map(Pid::from_raw)
        .collect()
}

fn children_path() -> String {
    format!("/proc/self/task/{}/children", unistd::getpid())
}

/// The programs that have not been reaped.
fn running() -> MutexGuard<'static, BTreeSet<Pid>> {
    static RUNNING: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

static ADOPTS: AtomicBool = AtomicBool::new(false);
const PATIENCE: Duration = Duration::from_secs(1); // for the kernel to end killed processes
