//! Moments at which the fault tests strike. Only a build with the feature `failpoints` has them.
//!
//! The environment variable `FAILPOINTS` names moments and actions in the syntax of the crate `fail`, for example
//! `commit.before=3*off->1*return(kill)`: the fourth time that a batch is about to commit, the process ends as by SIGKILL.
//! `return(stop)` freezes it as by SIGSTOP, `sleep(500)` makes it wait, and any other `return` makes the caller behave as
//! though what it just did had failed. `validator/commit.before` is that moment on the thread of that name alone.

/// Reads `FAILPOINTS`. Keep what it gives: the moments end with it.
#[cfg(feature = "failpoints")]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}

/// The process has come to this moment; whether the caller is to fail here.
#[cfg(feature = "failpoints")]
pub fn here(name: &str) -> bool {
    let thread = std::thread::current();
    let on_thread = format!("{}/{name}", thread.name().unwrap_or_default());
    [name, &on_thread].iter().any(|name| fail::eval(name, strike).unwrap_or(false))
}

#[cfg(feature = "failpoints")]
fn strike(action: Option<String>) -> bool {
    use rustix::process::{Signal, getpid, kill_process};

    let signal = match action.as_deref() {
        Some("kill") => Signal::KILL,
        Some("stop") => Signal::STOP,
        _ => return true,
    };
    if let Err(error) = kill_process(getpid(), signal) {
        tracing::error!(%error, "a moment could not strike");
    }
    false
}

/// The process has come to this moment; whether the caller is to fail here.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn here(_name: &str) -> bool {
    false
}
