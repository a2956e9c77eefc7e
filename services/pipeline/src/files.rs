//! Files that settings name, such as mounted secrets, and whether they have changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often files are read at most. They are small, and a rotated password is not to be waited for long.
const EVERY: Duration = Duration::from_secs(1);

/// Files under watch. Their content counts and not their time: what mounts secrets swaps links.
#[derive(Clone, Debug)]
pub struct Watched {
    files: Vec<PathBuf>,
    seen: Option<u64>,
    looked: Instant,
}

impl Watched {
    /// Remembers what the files hold. Begin to watch before reading them: what changes in between is then noticed.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: Vec<_> = files.into_iter().collect();
        Self { seen: content(&files).ok(), files, looked: Instant::now() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether they hold something else than when this was last asked; looks once a second at most. While one of them
    /// cannot be read nothing has changed: it is probably being replaced.
    pub fn changed(&mut self) -> bool {
        if self.files.is_empty() || self.looked.elapsed() < EVERY {
            return false;
        }
        self.looked = Instant::now();
        let Ok(content) = content(&self.files) else { return false };
        self.seen.replace(content) != Some(content)
    }
}

/// A secret of one line, as it is mounted: without the line's end. The error names the file, never what stands in it.
pub fn read_line(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path).map_err(|error| io::Error::new(error.kind(), named(path, &error)))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn content(files: &[PathBuf]) -> io::Result<u64> {
    let mut hash = DefaultHasher::new();
    for file in files {
        let about = fs::metadata(file)?;
        // A folder of authorities.
        match about.is_dir() {
            true => about.modified()?.hash(&mut hash),
            false => fs::read(file)?.hash(&mut hash),
        }
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(watched: &mut Watched) -> bool {
        watched.looked -= EVERY;
        watched.changed()
    }

    #[test]
    fn a_change_is_told_once_and_a_gap_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "one").expect("written");
        let mut watched = Watched::new([file.clone()]);
        assert!(!later(&mut watched));
        fs::write(&file, "two").expect("written");
        assert!(!watched.changed(), "it is too soon to look again");
        assert!(later(&mut watched));
        assert!(!later(&mut watched));
        fs::remove_file(&file).expect("removed");
        assert!(!later(&mut watched), "it is being replaced");
        fs::write(&file, "two").expect("written");
        assert!(!later(&mut watched), "the same again");
    }

    #[test]
    fn a_secret_has_no_line_end_and_an_error_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "two words \r\n").expect("written");
        assert_eq!(read_line(&file).expect("read"), "two words ");
        fs::write(&file, b"se\xffcret").expect("written");
        let error = read_line(&file).expect_err("no text").to_string();
        assert!(error.contains("password") && !error.contains("cret"), "{error}");
    }
}
