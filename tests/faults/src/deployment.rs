//! The real processes, kept running as an orchestrator would: one that ends is started again.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How an ended process is written down: 9 is SIGKILL's number, 75 asks to be started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Which process.
    pub name: String,
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

struct Process {
    name: String,
    role: String,
    env: HashMap<String, String>,
    child: Child,
    /// Ended on purpose: it is not started again.
    ended: bool,
    peak_kilobytes: u64,
}

#[derive(Default)]
struct State {
    processes: Vec<Process>,
    exits: Vec<Exit>,
}

/// The processes of one configuration.
pub struct Deployment {
    binary: PathBuf,
    folder: PathBuf,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    keeper: Option<thread::JoinHandle<()>>,
}

impl Deployment {
    /// Writes the configuration, and starts to keep what will be started.
    pub fn new(binary: &Path, folder: &Path, config: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("rejoinder.toml"), config)?;
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::new(AtomicBool::new(false)));
        let mut made = Self { binary: binary.to_owned(), folder: folder.to_owned(), state, stop, keeper: None };
        let (state, stop) = (Arc::clone(&made.state), Arc::clone(&made.stop));
        let starter = Starter { binary: made.binary.clone(), folder: made.folder.clone() };
        made.keeper = Some(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                lock(&state).keep(&starter);
                thread::sleep(Duration::from_millis(50));
            }
        }));
        Ok(made)
    }

    fn starter(&self) -> Starter {
        Starter { binary: self.binary.clone(), folder: self.folder.clone() }
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.starter().command(arguments).output()?)
    }

    /// Runs a command that must succeed.
    pub fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?} ended with {}: {errors}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What the operator's own audit finds wrong.
    pub fn audit(&self) -> Result<Vec<String>> {
        let output = self.run(&["audit"])?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(said.contains("submitted"), "the audit says nothing: {}", String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(Vec::new());
        }
        Ok(vec![format!("the audit ended with {}:\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr))])
    }

    /// Starts a process under a name of its own. `env` stays over a restart, `once` does not.
    pub fn start(&self, role: &str, name: &str, env: &[(&str, String)], once: &[(&str, String)]) -> Result<()> {
        let mut env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        env.entry("REJOINDER__INSTANCE".into()).or_insert_with(|| name.into());
        let child = self.starter().spawn(role, name, &env, once)?;
        lock(&self.state).processes.push(Process {
            name: name.into(),
            role: role.into(),
            env,
            child,
            ended: false,
            peak_kilobytes: 0,
        });
        Ok(())
    }

    /// Sends a signal; the process is started again if that ends it.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let state = lock(&self.state);
        let process = state.find(name)?;
        kill_process(Pid::from_child(&process.child), signal)?;
        Ok(())
    }

    /// Ends a process for good, and waits for it.
    pub fn end(&self, name: &str, signal: Signal) -> Result<ExitStatus> {
        let mut child = {
            let mut state = lock(&self.state);
            let at = state.processes.iter().position(|process| process.name == name).context("no such process")?;
            state.processes.swap_remove(at).child
        };
        kill_process(Pid::from_child(&child), signal)?;
        Ok(child.wait()?)
    }

    /// Whether a process has been stopped by a signal and waits to be continued.
    pub fn is_frozen(&self, name: &str) -> bool {
        let state = lock(&self.state);
        let Ok(process) = state.find(name) else { return false };
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.child.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Whether a process has this library in its memory. Linux only.
    pub fn has_loaded(&self, name: &str, library: &str) -> bool {
        let state = lock(&self.state);
        let Ok(process) = state.find(name) else { return false };
        fs::read_to_string(format!("/proc/{}/maps", process.child.id())).is_ok_and(|maps| maps.contains(library))
    }

    /// The processes that ended by themselves or by a signal, and were started again.
    pub fn exits(&self) -> Vec<Exit> {
        lock(&self.state).exits.clone()
    }

    /// The most memory that each role took in RAM since this was last asked, in MB of 10^6 bytes.
    pub fn peaks(&self) -> HashMap<String, f64> {
        let mut state = lock(&self.state);
        state.look();
        let mut peaks = HashMap::new();
        for process in &mut state.processes {
            let megabytes = std::mem::take(&mut process.peak_kilobytes) as f64 * 1024.0 / 1e6;
            let peak = peaks.entry(process.role.clone()).or_insert(0.0);
            *peak = megabytes.max(*peak);
        }
        peaks
    }

    /// The file that the processes log to.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        for process in &mut lock(&self.state).processes {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

struct Starter {
    binary: PathBuf,
    folder: PathBuf,
}

impl Starter {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.folder.join("rejoinder.toml")).args(arguments).stdin(Stdio::null());
        command
    }

    fn spawn(&self, role: &str, name: &str, env: &HashMap<String, String>, once: &[(&str, String)]) -> Result<Child> {
        let log = |file: &str| -> Result<File> {
            Ok(OpenOptions::new().create(true).append(true).open(self.folder.join(file))?)
        };
        let mut command = self.command(&[role]);
        command.envs(env).envs(once.iter().map(|(k, v)| (*k, v))).env("REJOINDER__LOG__FILTER", "info");
        let child = command.stdout(log("out")?).stderr(log("log")?).spawn();
        child.with_context(|| format!("{name} does not start"))
    }
}

impl State {
    fn find(&self, name: &str) -> Result<&Process> {
        self.processes.iter().find(|process| process.name == name).with_context(|| format!("{name} does not run"))
    }

    /// Starts again what has ended.
    fn keep(&mut self, starter: &Starter) {
        self.look();
        for process in &mut self.processes {
            let Ok(Some(status)) = process.child.try_wait() else { continue };
            if process.ended {
                continue;
            }
            self.exits.push(Exit { name: process.name.clone(), code: status.code(), signal: status.signal() });
            match starter.spawn(&process.role, &process.name, &process.env, &[]) {
                Ok(child) => process.child = child,
                Err(_) => process.ended = true,
            }
        }
    }

    /// Reads each process's peak memory while it still can be read. Linux only.
    fn look(&mut self) {
        for process in &mut self.processes {
            let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
            process.peak_kilobytes = process.peak_kilobytes.max(kilobytes);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
