use std::{fmt::Write as _, fs, time::Instant};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use crate::deployment::Deployment;

/// A file of comments, each by another author, over twenty threads.
pub struct Rows {
    file: NamedTempFile,
    count: usize,
}

impl Rows {
    pub fn new(count: usize) -> Result<Self> {
        let mut rows = String::new();
        for number in 0..count {
            let thread = number % 20;
            writeln!(
                rows,
                r#"{{"thread":"t{thread}","name":"Reader {number}","email":"reader{number}@example.org","body":"Comment {number}: {TEXT}"}}"#
            )?;
        }
        let file = NamedTempFile::new()?;
        fs::write(file.path(), rows)?;
        Ok(Self { file, count })
    }

    /// Comments a second, from the start of `rejoinder submit` to its end.
    pub fn submit(&self, deployment: &Deployment) -> Result<f64> {
        let started = Instant::now();
        let output = deployment.command(&["submit", "--file"]).arg(self.file.path()).output()?;
        let seconds = started.elapsed().as_secs_f64();
        let table = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "submit failed: {}", String::from_utf8_lossy(&output.stderr));
        let approved = table.lines().find(|line| line.contains("approved")).context("no approved ones")?;
        ensure!(approved.contains(&self.count.to_string()), "not all were approved:\n{table}");
        Ok(self.count as f64 / seconds)
    }
}

/// About 240 bytes, the mean of real comments.
const TEXT: &str = "I have read this twice now, and what stays with me is how little the numbers in the second paragraph say about \
    the people behind them. Has anybody looked at the years before? It would be good to know where the trend began.";
