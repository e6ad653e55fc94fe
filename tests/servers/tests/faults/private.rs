//! A server of a test's own: made in a folder that goes with it, on a port that nobody else has.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// What kind of server it is
pub trait Kind: orm_core::Connection {
    const FEATURE: &'static str;
    /// The user that it runs as where the test is run by root
    const USER: &'static str;
    /// The programs that make and run it
    const PROGRAMS: [&'static str; 2];
    /// What they are told
    fn init(folder: &Path) -> Vec<String>;
    fn run(folder: &Path, port: u16) -> Vec<String>;
    /// The address, and that of a database that is there from the beginning
    fn address(port: u16) -> String;
    fn first_address(port: u16) -> String;
    /// What is to be sent to that one, once
    const SETUP: &'static str;
}

pub struct Private<C: Kind> {
    pub folder: tempfile::TempDir,
    pub address: String,
    /// Of its environment
    pub variables: Vec<(&'static str, String)>,
    port: u16,
    programs: [PathBuf; 2],
    process: Option<Child>,
    kind: std::marker::PhantomData<C>,
}

/// The folders in which distributions put programs that are not for everybody
pub fn find(program: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.exists())
}

/// Says so, also where tests are quiet; a failure where it has to be tried
pub fn not_tried(what: &str, line: &str) {
    let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
    let required = std::env::var("ORM_TEST_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|server| server.trim() == what), "{line}");
}

/// Numbers of a user and its group
pub fn ids(user: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user))?;
    let mut parts = line.split(':').skip(2);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl<C: Kind> Private<C> {
    /// A server that runs; `None` where its programs are not installed
    pub fn new() -> Outcome<Option<Self>> {
        let [Some(init), Some(run)] = C::PROGRAMS.map(find) else {
            let line = format!("not tried: faults of {} ({} is not installed)", C::FEATURE, C::PROGRAMS[1]);
            not_tried(C::FEATURE, &line);
            return Ok(None);
        };
        let mut server = Self::made([init, run], C::init)?;
        server.up()?;
        C::establish(&C::first_address(server.port))?.batch_execute(C::SETUP)?;
        Ok(Some(server))
    }

    /// Its files, made by the first of these programs; it does not run yet
    fn made(programs: [PathBuf; 2], arguments: impl Fn(&Path) -> Vec<String>) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        if let Some((user, group)) = Self::other_user(folder.path())? {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = C::address(port);
        let server = Self {
            folder,
            address,
            variables: Vec::new(),
            port,
            programs,
            process: None,
            kind: std::marker::PhantomData,
        };
        let made = server.command(0)?.args(arguments(server.folder.path())).output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(format!("{}: {said}", server.programs[0].display()).into());
        }
        Ok(server)
    }

    /// Another server that follows this one, made by a program of the server's own
    #[allow(dead_code, reason = "of PostgreSQL")]
    pub fn replica(
        &self,
        program: &str,
        arguments: impl Fn(&Path, u16) -> Vec<String>,
    ) -> Outcome<Option<Self>> {
        let Some(copy) = find(program) else {
            not_tried(
                C::FEATURE,
                &format!("not tried: a replica of {} ({program} is not installed)", C::FEATURE),
            );
            return Ok(None);
        };
        let programs = [copy, self.programs[1].clone()];
        let mut replica = Self::made(programs, |folder| arguments(folder, self.port))?;
        replica.up()?;
        Ok(Some(replica))
    }

    /// Whom it has to run as
    fn other_user(folder: &Path) -> Outcome<Option<(u32, u32)>> {
        if fs::metadata(folder)?.uid() != 0 {
            return Ok(None);
        }
        Ok(Some(ids(C::USER).ok_or_else(|| format!("there is no user {}", C::USER))?))
    }

    /// A program as its user; it is killed with the thread that has started it
    fn command(&self, program: usize) -> Outcome<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if ids(C::USER)
            .is_some_and(|(user, _)| fs::metadata(self.folder.path()).is_ok_and(|data| data.uid() == user))
        {
            let (user, group) = ids(C::USER).ok_or("the user")?;
            command.args([
                format!("--reuid={user}"),
                format!("--regid={group}"),
                "--clear-groups".to_owned(),
            ]);
        }
        command.envs(self.variables.iter().cloned());
        command.arg(&self.programs[program]).current_dir(self.folder.path()).stdin(Stdio::null());
        Ok(command)
    }

    /// Starts it, and waits until it answers.
    pub fn up(&mut self) -> Outcome {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            let is_running = match &mut self.process {
                Some(process) => process.try_wait()?.is_none(),
                None => false,
            };
            if !is_running {
                let log = fs::File::create(self.folder.path().join("log"))?;
                let mut command = self.command(1)?;
                command.args(C::run(self.folder.path(), self.port)).stdout(log.try_clone()?).stderr(log);
                self.process = Some(command.spawn()?);
            }
            std::thread::sleep(Duration::from_millis(100));
            if C::establish(&C::first_address(self.port)).is_ok() {
                return Ok(());
            }
        }
        Err(format!("it does not answer: {}", fs::read_to_string(self.folder.path().join("log"))?).into())
    }

    /// Stops it as an administrator does.
    pub fn stop(&mut self) -> Outcome {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        // Of PostgreSQL this is the one that does not wait for those who are connected; the other one does not know it.
        let signal = if C::FEATURE == "postgres" { "-INT" } else { "-TERM" };
        Command::new("kill").args([signal, &process.id().to_string()]).status()?;
        process.wait()?;
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Outcome {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Calls with a folder of its user's that has room for four MiB; says so where there can be none.
    pub fn with_little_room(&self, f: impl FnOnce(&Path) -> Outcome) -> Outcome {
        let place = self.folder.path().join("small");
        fs::create_dir(&place)?;
        let options = match ids(C::USER) {
            Some((user, group)) => format!("size=4m,mode=700,uid={user},gid={group}"),
            None => "size=4m".to_owned(),
        };
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&place).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("not tried: a full disk (only root may mount one)");
            return Ok(());
        }
        let _ended = Mounted(place.clone());
        f(&place)
    }

    pub fn connect(&self) -> Outcome<C> {
        Ok(C::establish(&self.address)?)
    }
}

impl<C: Kind> Drop for Private<C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
        let _ = self.stop();
    }
}

/// Is no longer mounted when it is dropped, also by a test that fails.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
