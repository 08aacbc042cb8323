//! Helpers of the tests: servers, clients, processes, folders.

pub(crate) mod chat;
mod client;
pub(crate) mod files;
mod lan;
pub(crate) mod proc;
mod pty;
mod scene;
mod server;
mod shell;
pub(crate) mod tftp;
mod udp;
mod wait;

pub(crate) use client::Client;
pub(crate) use files::temp_dir;
pub(crate) use lan::{Lan, enter_network, on_two_machines, with_another_machine};
pub(crate) use proc::{
    KillOnDrop, Process, descriptors, has_exited, peak_memory_kib, pid_in, proc_status,
    signal_and_wait, sockets, threads_of, wait_for_exit, wait_until_idle,
};
pub(crate) use pty::Pty;
pub(crate) use scene::Scene;
pub(crate) use server::{
    CONCURRENT_MODELS, MODELS, Server, example, free_port, program, villains, with_default_signals,
};
pub(crate) use shell::{can_run, installed, is_root, run_program, services, shell, stdout_of};
pub(crate) use udp::{UdpClient, received_so_far};
pub(crate) use wait::{DEADLINE, poll, wait_for, wait_until};
