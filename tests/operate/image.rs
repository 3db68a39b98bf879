//! What `deploy/Containerfile` promises: the static server as process 1 of an otherwise empty root, as nobody, with the image's
//! own variables. The last stage of the file is also built, with the static server in the place of the first stage, which fetches
//! a compiler from a registry. `scripts/kinds musl` runs this, because it needs a static server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, geteuid};
use support::{Launch, PATIENCE, Server, tools};

use crate::wait_for;

/// How an image is run.
#[derive(PartialEq, Debug)]
struct Config {
    user: String,
    entrypoint: String,
    command: String,
    variables: Vec<String>,
    stop_signal: String,
}

fn containerfile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/Containerfile")
}

impl Config {
    /// As the last stage of the Containerfile says it.
    fn of_containerfile() -> Self {
        let text = fs::read_to_string(containerfile()).expect("it is there");
        let (_, last_stage) = text.rsplit_once("\nFROM scratch\n").expect("a stage on nothing");
        let instruction = |name: &str| {
            let words = last_stage.lines().find_map(|line| line.strip_prefix(name));
            words.expect("the instruction is there").trim().to_owned()
        };
        // A list of one text.
        let program = |name| instruction(name).trim_matches(['[', ']', '"']).to_owned();
        Self {
            user: instruction("USER "),
            entrypoint: program("ENTRYPOINT "),
            command: program("CMD "),
            variables: instruction("ENV ").split(' ').map(str::to_owned).collect(),
            stop_signal: instruction("STOPSIGNAL "),
        }
    }

    /// As an image has it that was built.
    fn of_image(builder: &Builder) -> Self {
        let line = |format: &str| builder.run(&["inspect", "--type", "image", "--format", format, NAME]);
        let words = |field: &str| {
            line(&format!(
                "{{{{range .OCIv1.Config.{field}}}}}{{{{.}}}}\n{{{{end}}}}"
            ))
        };
        Self {
            user: line("{{.OCIv1.Config.User}}"),
            entrypoint: words("Entrypoint"),
            command: words("Cmd"),
            // buildah adds a PATH.
            variables: words("Env")
                .lines()
                .filter(|line| !line.starts_with("PATH="))
                .map(str::to_owned)
                .collect(),
            stop_signal: line("{{.OCIv1.Config.StopSignal}}"),
        }
    }
}

/// The image's name.
const NAME: &str = "server-bin";

/// buildah with images of its own.
struct Builder {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Builder {
    fn new(program: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        Self { program, folder }
    }

    /// Runs it, and returns what it wrote without the line's end.
    fn run(&self, words: &[&str]) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let (images, state) = (at("images"), at("state"));
        // It needs no kernel with overlays for this.
        let storage = ["--storage-driver", "vfs", "--root", &images, "--runroot", &state];
        let all = [&storage, words].concat();
        let output = tools::run(&self.program, &all, Duration::from_secs(60));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Builds the last stage of the Containerfile, and returns the image's root.
    fn build(&self) -> PathBuf {
        let (nothing, built) = (
            self.folder.path().join("nothing"),
            self.folder.path().join("built"),
        );
        for path in [&nothing, &built] {
            fs::create_dir(path).expect("a directory");
        }
        fs::copy(support::server::executable(), built.join("server-bin")).expect("a copy of the server");
        let first_stage = format!("build={}", built.display());
        let file = containerfile().display().to_string();
        let nothing = nothing.display().to_string();
        self.run(&[
            "build",
            "--isolation",
            "chroot",
            "--build-context",
            &first_stage,
            "--tag",
            NAME,
            "--file",
            &file,
            &nothing,
        ]);
        let container = self.run(&["from", "--pull-never", NAME]);
        self.run(&["mount", &container]).into()
    }
}

/// Makes the directory that is mounted into a root.
fn add_served(root: &Path) {
    let served = root.join("srv");
    fs::create_dir(&served).expect("a directory");
    fs::write(served.join("index.html"), "from the image").expect("a file");
    fs::set_permissions(&served, fs::Permissions::from_mode(0o755)).expect("everybody may look");
}

/// Runs what a root holds as its image says.
fn start(root: &Path, config: &Config) -> Server {
    let user = format!("--userspec={}", config.user);
    let root = root.to_str().expect("text");
    let in_container = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "chroot",
        &user,
        root,
        &config.entrypoint,
    ];
    let mut launch = Launch::new().by(in_container).arg(&config.command);
    for pair in &config.variables {
        let (name, value) = pair.split_once('=').expect("a variable");
        // Two tests at once cannot have the same ports.
        let value = if value.starts_with(':') {
            "127.0.0.1:0"
        } else {
            value
        };
        launch = launch.env(name, value);
    }
    launch.start()
}

/// The server: the only child of the program that has made its room.
fn process(server: &Server) -> Pid {
    let pid = server.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs");
    Pid::from_raw(children.trim().parse().expect("one child"))
}

#[test]
#[ignore = "needs a static server in SERVER_BIN and root; scripts/kinds musl runs it"]
fn the_static_server_runs_as_process_1_on_nothing_and_drains() {
    const NAME: &str = "the_static_server_runs_as_process_1_on_nothing_and_drains";
    if !geteuid().is_root() {
        return tools::skipped(NAME, "root, for a root directory of its own");
    }
    let root = tempfile::tempdir().expect("a directory");
    fs::copy(support::server::executable(), root.path().join("server-bin")).expect("a copy of the server");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("everybody may look");
    add_served(root.path());
    runs_as_process_1(root.path(), &Config::of_containerfile());
}

#[test]
#[ignore = "needs a static server in SERVER_BIN, root and buildah; scripts/kinds musl runs it"]
fn the_image_is_built_and_runs_as_its_file_says() {
    let Some(buildah) = tools::tool("buildah") else {
        return;
    };
    if !geteuid().is_root() {
        return tools::skipped(
            "the_image_is_built_and_runs_as_its_file_says",
            "root, for a root directory of its own",
        );
    }
    let builder = Builder::new(buildah);
    let root = builder.build();
    let names = fs::read_dir(&root)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["server-bin"],
        "there is nothing else in it"
    );
    let config = Config::of_image(&builder);
    assert_eq!(config, Config::of_containerfile());
    add_served(&root);
    runs_as_process_1(&root, &config);
}

fn runs_as_process_1(root: &Path, config: &Config) {
    let mut server = start(root, config);
    let pid = process(&server);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = |name: &str| {
        status
            .lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned)
    };
    let uid = config.user.split(':').next().expect("a number");
    assert_ne!(uid, "0");
    let all = format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}");
    assert_eq!(line("Uid:"), Some(all));
    assert!(
        line("NSpid:").is_some_and(|line| line.ends_with("\t1")),
        "{status}"
    );

    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = server.connect();
    let answer = client.exchange(request).expect("an answer");
    assert_eq!(answer.text(), "from the image");
    // A container would end with its process 1, so that one starts no other in its place.
    signal::kill(pid, Signal::SIGUSR2).expect("it runs");
    wait_for("the refusal is said", || server.output().contains("process 1"));
    assert_eq!(client.exchange(request).expect("an answer").status, 200);

    let stop = Signal::from_str(&config.stop_signal).expect("a signal's name");
    signal::kill(pid, stop).expect("it runs");
    assert!(server.ends_within(PATIENCE).success(), "{}", server.output());
}
