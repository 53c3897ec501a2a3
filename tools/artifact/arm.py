"""Lambda's place for a function, on this machine: Arm's Python 3.13, emulated, in a sandbox.

Python and its libraries are Debian's for arm64, unpacked into a folder and never installed;
QEMU runs them, as a Neoverse N1: the processor that Lambda's Graviton2 is, and one without the
pointer authentication whose emulation takes nine tenths of the time. bubblewrap makes the file
system: code and layer where Lambda has them and read-only, `/tmp` alone writable, no `/dev/shm`
(Lambda developer guide, "Lambda execution environment").
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from darkroom_ops.engine.lambda_.environments import RUNTIME, start_process

PROGRAMS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "qemu-aarch64-static": "qemu-user-static",
    "bwrap": "bubblewrap",
    "busybox": "busybox-static",
}
"""What it needs of this machine, each with Debian's package."""

PACKAGES = ("python3.13", "libstdc++6")
"""Of Debian 13; what they depend on comes with them."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

PATIENCE = 300.0
"""Seconds for a download."""

TMP_BYTES = 512 * 1024 * 1024
"""Lambda's `/tmp`, unless a function asks for more."""

DEVICES = ("null", "zero", "full", "random", "urandom")

PYTHON = "/var/lang/bin/python3.13"
"""Where Lambda has it, and so `sys.executable`."""

WRAPPER = f"""#!/emulator/sh
exec /emulator/qemu -cpu neoverse-n1 -0 {PYTHON} /usr/bin/python3.13 "$@"
"""

ENVIRONMENT = {
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
        "/var/task:/var/task/lib:/opt/lib"
    ),
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "SHLVL": "0",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "DARKROOM_SYS_PATH": "/var/task:/opt/python",
}
"""Of every function, beside what the engine gives (Lambda developer guide, "Defined runtime
environment variables"). There is no HOME."""

NOT_ON_LAMBDA = ("HOME", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
"""What the engine gives of this machine's."""


class Absent(Exception):
    """Something that the emulation needs cannot be had on this machine; the message says what."""


def install(folder: Path) -> Path:
    """Download and unpack Arm's Python into a folder, once; return its root.

    Absent says what keeps it from running here.
    """
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        packages = " ".join(PROGRAMS[name] for name in lacking)
        raise Absent(f"it needs {', '.join(lacking)} (apt-get install {packages})")
    if not KEYRING.exists():
        raise Absent(f"it needs {KEYRING} (apt-get install debian-archive-keyring)")
    root = folder / "root"
    if not root.exists():
        unpacked = folder / "unpacked"
        shutil.rmtree(folder, ignore_errors=True)
        for each in _download(folder):
            _run(["dpkg-deb", "-x", str(each), str(unpacked)])
        wrapper = folder / "python"
        wrapper.write_text(WRAPPER)
        wrapper.chmod(0o755)
        unpacked.rename(root)
    return root


def _download(folder: Path) -> list[Path]:
    """Download the packages, checked against Debian's signature, with settings of their own."""
    lists, archives = folder / "apt" / "lists" / "partial", folder / "apt" / "archives" / "partial"
    for each in (lists, archives):
        each.mkdir(parents=True)
    sources = folder / "apt" / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] http://deb.debian.org/debian trixie main\n")
    settings = folder / "apt" / "apt.conf"
    settings.write_text(
        f'Dir::Etc "{folder}/apt"; Dir::Etc::sourcelist "{sources}"; Dir::Etc::sourceparts "-";\n'
        'Dir::Etc::parts "-"; Dir::Etc::preferencesparts "-";\n'
        f'Dir::State "{folder}/apt"; Dir::State::status "/dev/null"; Dir::Cache "{folder}/apt";\n'
        'APT::Architecture "arm64"; APT::Architectures "arm64"; APT::Sandbox::User "";\n'
        'APT::Install-Recommends "false"; Acquire::Retries "3"; Acquire::http::Timeout "30";\n'
    )
    _run(["apt-get", "update", "-qq"], settings)
    _run(["apt-get", "install", "-qq", "--yes", "--download-only", *PACKAGES], settings)
    return sorted(archives.parent.glob("*.deb"))


def _run(command: Sequence[str], settings: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"LC_ALL": "C"} | ({"APT_CONFIG": str(settings)} if settings else {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise Absent(f"{command[0]} took longer than {PATIENCE:.0f} s") from None
    if done.returncode:
        raise Absent(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")


class Sandbox:
    """Starts Arm's Python over built folders, by the name of a function.

    The root is what `install` returned; bytecode that a function's own folder under `bytecode`
    gets is there for its next start, as the emulation takes twenty times as long to make it.
    """

    def __init__(
        self, root: Path, layer: Path, functions: Mapping[str, Path], bytecode: Path
    ) -> None:
        self._root = root
        self._layer = layer
        self._functions = functions
        self._bytecode = bytecode

    def command(self, function: str, variables: Mapping[str, str], *python: str) -> list[str]:
        """Return the command that runs Arm's Python with some arguments and variables."""
        bytecode = self._bytecode / function
        bytecode.mkdir(parents=True, exist_ok=True)
        read_only = {
            self._root / "usr": "/usr",
            self._root / "etc": "/etc",
            self._root.with_name("python"): PYTHON,
            Path(str(shutil.which("qemu-aarch64-static"))): "/emulator/qemu",
            Path(str(shutil.which("busybox"))): "/emulator/sh",
            RUNTIME: f"/var/runtime/{RUNTIME.name}",
            self._layer: "/opt",
            self._functions[function]: "/var/task",
        }
        mounts = [word for pair in read_only.items() for word in ("--ro-bind", *map(str, pair))]
        devices = [word for name in DEVICES for word in ("--dev-bind", *[f"/dev/{name}"] * 2)]
        given = {key: value for key, value in variables.items() if key not in NOT_ON_LAMBDA}
        given |= ENVIRONMENT | {"PYTHONPYCACHEPREFIX": "/bytecode"}
        settings = [word for pair in given.items() for word in ("--setenv", *pair)]
        return [
            "bwrap", "--unshare-pid", "--unshare-ipc", "--clearenv", *settings,
            *mounts, "--symlink", "usr/lib", "/lib", "--symlink", "usr/bin", "/bin",
            *devices, "--proc", "/proc", "--bind", str(bytecode), "/bytecode",
            "--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--remount-ro", "/",  # noqa: S108 - its own
            "--chdir", "/var/task", PYTHON, *python,
        ]  # fmt: skip

    def start(self, _: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a function's execution environment, for the engine."""
        name = variables["AWS_LAMBDA_FUNCTION_NAME"]
        command = self.command(name, variables, "-u", f"/var/runtime/{RUNTIME.name}")
        return start_process(self._root, {"PATH": "/usr/bin:/bin"}, command)
