//! Frames through a link with faults and back, judged as they arrive ([`run`]). A campaign of the
//! [`matrix`] takes both from chance; what goes wrong is made small ([`minimise`]) and replayed from lists
//! ([`scenario`]).

#![allow(dead_code)]

pub(crate) mod matrix;
pub(crate) mod minimise;
pub(crate) mod run;
pub(crate) mod scenario;
