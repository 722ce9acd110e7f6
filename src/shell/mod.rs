//! The shell: every descriptor, the clock, the turn, and what the command line and files say.

pub mod cli;
pub mod config;
pub mod event_loop;
pub mod io;
pub mod settings_file;
