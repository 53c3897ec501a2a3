"""What the documents tell people to type exists, and something runs it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.cli import whole_command
from tests.support.reading import parsed
from tools.checks import smoke
from tools.checks.__main__ import CHECKS

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "samples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / ".github" / "pull_request_template.md",
    *sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")),
]
SCRIPTS = [
    ROOT / ".ci" / "run",
    ROOT / ".devcontainer" / "devcontainer.json",
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
]
MAKE = shutil.which("make") or "make"


def commands(path: Path) -> list[str]:
    """Return what stands in a document as code: in its text, and in its examples of a shell."""
    text = path.read_text()
    if path in SCRIPTS:
        return re.sub("(?m)#.*|^//.*", "", text).splitlines()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    shell = "".join(block for language, block in blocks if language == "sh")
    typed = re.findall(r"^\$ (.*)", "".join(block for _, block in blocks), flags=re.MULTILINE)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    inline = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text)]
    lines = re.sub(r"\s+#.*", "", shell.replace("\\\n", " ")).splitlines()
    return [*lines, *typed, *inline]


def named(path: Path) -> set[str]:
    return set(re.findall(r"(?:\bmake|\.ci/run) ([a-z][a-z0-9-]*)", "\n".join(commands(path))))


def options(command: Any) -> set[str]:
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)}


def check(command: str) -> Any:
    """Parse a `darkroom` command as it would be, and return what it is a command of."""
    words = shlex.split(command.partition("|")[0])[1:]
    found = whole = whole_command()
    while words and hasattr(found, "commands"):
        if words[0].startswith("-"):
            assert words[0] in options(found)
            return found
        name, *words = words
        assert name in found.commands, f"no command {name!r}: {command}"
        found = found.commands[name]
    if words:
        # A command keeps the help option of the first context that it is read in, for all tests.
        parent = whole.context_class(whole, info_name="darkroom", **whole.context_settings)
        found.make_context(command, words, parent=parent).close()
    return found


def make(*words: str, folder: Path = ROOT, path: str | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [MAKE, "--file", ROOT / "Makefile", *words],
        cwd=folder,
        # Nothing else: the make that runs the tests hands on what it was given itself.
        env={"PATH": path or os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def targets() -> set[str]:
    """The targets that ``make help`` lists."""
    _, listed = make("help")
    return {line.split()[0] for line in listed.splitlines()}


@pytest.mark.parametrize("path", [*DOCUMENTS, *SCRIPTS], ids=lambda path: path.name)
def test_a_target_that_is_named_exists(path: Path, targets: set[str]) -> None:
    assert named(path) <= targets


def test_every_target_is_in_the_documents(targets: set[str]) -> None:
    assert set().union(*map(named, DOCUMENTS)) == targets


def test_every_target_is_run_by_something(targets: set[str]) -> None:
    run = set().union(*map(smoke.targets, smoke.COMMANDS))
    assert run | smoke.ELSEWHERE.keys() == targets
    assert not run & smoke.ELSEWHERE.keys()


def test_clean_removes_what_is_made_and_nothing_else(tmp_path: Path) -> None:
    ignored = set((ROOT / ".gitignore").read_text().split())
    scattered = {"__pycache__/", "*.egg-info/", "node_modules/"}
    made = {tmp_path / each for each in ignored - scattered}
    javascript = ("tools/checks/node", "tools/clients/javascript", "benchmarks/peers")
    made |= {tmp_path / each / "node_modules" for each in javascript}
    kept = {tmp_path / each for each in ("samples", "docs/screenshots", "requirements")}
    for each in made | kept:
        each.mkdir(parents=True)
    assert make("clean", folder=tmp_path)[0] == 0
    assert not [each for each in made if each.exists()]
    assert not [each for each in kept if not each.exists()]


TOOLS = {
    "quick": {
        "ruff": ["check", "format --check"], "mypy": [""], "lint-imports": ["--no-logo --no-cache"],
        "python": [
            "-m pytest -n auto --dist worksteal tests/unit tests/template tests/fuzz tests/mutation"
        ],
    },
    "check": {
        "ruff": ["check", "format --check"], "mypy": [""], "lint-imports": ["--no-logo --no-cache"],
        "cfn-lint": ["template.yaml cloudfront.yaml"],
        "python": ["-m tools.checks"],
    },
}  # fmt: skip
"""What a target runs, each with its arguments."""


@pytest.mark.parametrize("target", TOOLS)
def test_a_check_runs_every_tool_and_is_red_where_one_is(target: str, tmp_path: Path) -> None:
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    for made in ("requirements/dev.txt", "requirements/checks.txt", "requirements/ops.txt",
                 "pyproject.toml", ".venv/ops", ".venv/dev", ".venv-checks/ready"):  # fmt: skip
        (tmp_path / made).parent.mkdir(exist_ok=True)
        (tmp_path / made).touch()
    for broken in ("", *TOOLS[target]):
        for name in TOOLS[target]:
            tool = binaries / name
            tool.write_text(f'#!/bin/sh\necho {name} "$*" >>ran\nexit {int(name == broken)}\n')
            tool.chmod(0o755)
        assert (make(target, folder=tmp_path)[0] == 0) == (not broken), broken
        if not broken:
            ran = (tmp_path / "ran").read_text().splitlines()
            wanted = [f"{name} {each}" for name, of in TOOLS[target].items() for each in of]
            assert sorted(map(str.strip, ran)) == sorted(map(str.strip, wanted))


def test_pyvips_is_not_compiled_against_a_libvips_that_happens_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("show: ; @printenv PKG_CONFIG_LIBDIR\n")
    assert make("--file", str(tmp_path / "more"), "show") == (0, "/nonexistent\n")


def test_an_environment_is_of_a_python_that_will_do_and_of_what_is_locked(tmp_path: Path) -> None:
    python = tmp_path / "python"
    older = "import sys; sys.version_info = (3, 10, 99); exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{older}" "$2"\n')
    python.chmod(0o755)
    code, said = make(".venv/bin/python", f"PYTHON={python}", folder=tmp_path)
    assert (code, "needs Python 3.11 or newer" in said) == (2, True)
    (tmp_path / "requirements").mkdir()
    for made in ("requirements/dev.txt", "requirements/ops.txt", "requirements/checks.txt",
                 "pyproject.toml"):  # fmt: skip
        (tmp_path / made).touch()
    for environment in (".venv/ops", ".venv/dev", ".venv-checks/ready"):
        _, said = make("--dry-run", environment, folder=tmp_path)
        (installs,) = (line for line in said.splitlines() if " -r " in line)
        assert " install --require-hashes -r requirements/" in installs


def test_deploying_without_the_sam_cli_says_what_is_missing(tmp_path: Path) -> None:
    code, said = make("deploy", folder=tmp_path, path=str(tmp_path))
    assert code == 2
    told, stopped = said.splitlines()  # and nothing is built
    assert "needs the SAM CLI" in told
    assert stopped.endswith("Error 2")


def test_chaos_is_of_as_many_uploads_as_is_told() -> None:
    told = re.search(r"chaos +(\d+) uploads", make("help")[1])
    assert told
    assert f"--uploads {told[1]} " in make("--dry-run", "chaos")[1]


@pytest.mark.parametrize("broken", ["", "test"])
def test_the_gate_runs_every_target_and_stops_at_one_that_is_red(
    tmp_path: Path, broken: str
) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name in ("make", "aws"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$*" >>ran\n[ "$1" != "{broken}" ]\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    done = subprocess.run(
        [shutil.which("bash") or "bash", script],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    ran = (tmp_path / "ran").read_text().splitlines()
    every = [
        "check",
        "test ARGS=--cov --all",
        "test-artifact",
        "test-second-engine",
        "smoke",
    ]
    assert (done.returncode != 0, ran) == ((True, every[:2]) if broken else (False, every))


@pytest.mark.parametrize(("status", "said"), [("0", True), ("1", False)])
def test_what_was_deployed_is_not_ready_at_once(tmp_path: Path, status: str, said: bool) -> None:
    """With a `sam` that does nothing, and without a build."""
    sam = tmp_path / "sam"
    sam.write_text(f"#!/bin/sh\nexit {status}\n")
    sam.chmod(0o755)
    (tmp_path / "samconfig.toml").write_text('region = "eu-west-1"\n')
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    _, told = make("deploy", "MAKE=true", folder=tmp_path, path=path)
    assert ("sends its events after about five minutes" in told) is said


def test_a_deployment_ends_with_the_doctor(tmp_path: Path) -> None:
    """It is asked about the stack and the region that `sam deploy` wrote down last."""
    for name, says in (("sam", ""), (".venv/bin/darkroom", 'echo "$@ in $AWS_DEFAULT_REGION"')):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{says}\n{'exit 1' if says else ''}\n")
        program.chmod(0o755)
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\nstack_name = "darkroom"\n[default.deploy.parameters]\n'
        'stack_name = "photos"\nregion = "eu-west-1"\n'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    code, told = make("deploy", "MAKE=true", folder=tmp_path, path=path)
    assert code == 0  # it is deployed, whatever is found
    assert told.splitlines()[-1] == "doctor --stack photos in eu-west-1"


def test_where_the_stack_can_be_is_told() -> None:
    """The definition's resources and the console's addresses are of AWS's own partition."""
    machine = (ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text()
    assert "arn:aws:states" in machine
    template = (ROOT / "template.yaml").read_text().partition("Metadata:")[0]
    assert "For AWS's commercial regions" in template
    for name in ("README.md", "docs/operations.md"):
        text = (ROOT / name).read_text()
        assert "AWS's commercial regions" in text
        assert "GovCloud" in text


def anchors(path: Path) -> set[str]:
    """Return what a link can name within a document, as GitHub makes it of headings."""
    text = path.read_text()
    headings = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_leads_to_something(path: Path) -> None:
    links = re.findall(r'(?:\]\(|src="|srcset=")([^):"]+)[)"]', path.read_text())
    for link in links:
        file, _, anchor = link.partition("#")
        to = (path.parent / file).resolve() if file else path
        assert to.exists(), link
        assert not anchor or anchor in anchors(to), link


def darkroom(path: Path) -> list[str]:
    found = (each.removeprefix(".venv/bin/") for each in commands(path))
    # A name of a resource begins the same way, and a path.
    return [each for each in found if re.match(r"darkroom [a-z-]", each)]


DARKROOM = [(path, command) for path in DOCUMENTS for command in darkroom(path)]


def test_the_documents_name_commands() -> None:
    named = {"README.md", "operations.md", "reliability.md", "SECURITY.md", "bug.yml"}
    assert {path.name for path, _ in DARKROOM} >= named


@pytest.mark.parametrize(
    ("path", "command"), DARKROOM, ids=[f"{path.name}: {command}" for path, command in DARKROOM]
)
def test_a_command_that_is_named_is_understood(path: Path, command: str) -> None:
    check(command)


def test_a_decision_says_when_it_was_made() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text()
    made = re.findall(r"^- (?:(\S+): )?\*\*|^### [^\n]+\n\n(\S+): ", text, flags=re.MULTILINE)
    assert made
    for each in made:
        date.fromisoformat("".join(each))


def test_what_is_looked_at_before_a_commit_is_what_make_looks_at() -> None:
    """The same programs, so the same versions; only, they mend what they can."""
    repos = parsed((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook["entry"].split() for repo in repos for hook in repo["hooks"]]
    _, quick = make("--dry-run", "quick")
    looks = {tuple(each.split()) for each in re.findall(r"\.venv/bin/\S+(?: [\w-]+)?", quick)}
    assert {repo["repo"] for repo in repos} == {"local"}
    assert {tuple(each[:2]) for each in hooks} == {
        each for each in looks if each[0] != ".venv/bin/python"
    }


def rows() -> Iterator[tuple[list[str], list[str]]]:
    """Yield the table of commands: each row's commands, and the options that it tells of."""
    for line in (ROOT / "README.md").read_text().splitlines():
        if line.startswith("| `darkroom "):
            first, rest = (re.findall(r"`([^`]+)`", cell) for cell in line.split(" | ", 1))
            group = " ".join(first[0].split()[:-1])  # "`darkroom presets get`, `set FILE`"
            others = [e if e.startswith("dlq") else f"{group[9:]} {e}" for e in first[1:]]
            yield (
                [first[0], *(f"darkroom {each}" for each in others)],
                [each.split()[0] for each in rest if each.startswith("--")],
            )


@pytest.mark.parametrize(("named", "told"), list(rows()), ids=lambda words: " ".join(words[:1]))
def test_a_row_of_the_table_tells_of_options_that_exist(named: list[str], told: list[str]) -> None:
    known = set().union(*(options(check(each)) for each in named))
    assert set(told) <= known


TABLES = re.findall(
    r"^\| `(\w+)` \| meaning \| default \|\n\|-.*\n((?:\|.*\n)+)",
    (ROOT / "docs" / "workflow.md").read_text(),
    flags=re.MULTILINE,
)
SCHEMA = json.loads((ROOT / "events" / "request.schema.json").read_text())["$defs"]


@pytest.mark.parametrize(("title", "table"), TABLES, ids=[title for title, _ in TABLES])
def test_a_table_of_fields_has_those_of_the_schema(title: str, table: str) -> None:
    """Each field, the values it can take, and its default."""
    fields = SCHEMA[title]["properties"]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in table.strip().splitlines()]
    in_table = [field for first, *_ in rows for field in re.findall(r"`(\w+)`", first)]
    assert sorted(in_table) == sorted(fields)
    for first, meaning, last in rows:
        default = last.removesuffix("|").strip()
        for name in re.findall(r"`(\w+)`", first):
            if name in SCHEMA[title]["required"]:
                assert default == "required"
            elif (expected := fields[name].get("default")) is None:
                assert default in {"none", "the deployed ones"}
            elif isinstance(expected, str):
                assert default == f"`{expected}`"
            else:
                assert json.loads(default.strip("`")) == expected
            kinds = (fields[name], *fields[name].get("anyOf", ()))
            values = {value for kind in kinds for value in kind.get("enum", ())}
            assert values <= set(re.findall(r"`([\w-]+)`", meaning))


def test_every_object_of_the_schema_has_a_table() -> None:
    """But two that have no more than their parts: a source, and a reference to an object."""
    assert {title for title, _ in TABLES} == set(SCHEMA) - {"Source", "ObjectRef"}


def leaves(group: Any) -> Iterator[Any]:
    for each in group.commands.values():
        yield from leaves(each) if hasattr(each, "commands") else [each]


LEAVES = list(leaves(whole_command()))


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: command.name)
def test_the_examples_of_a_commands_help_are_its_own(command: Any) -> None:
    examples = re.findall(r"darkroom [^\n]+", command.epilog)
    assert examples
    for each in examples:
        assert check(each).name == command.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_module_or_file_that_is_named_is_there(path: Path) -> None:
    for command in commands(path):
        for module, words in re.findall(r"\bpython -m ([\w.]+) ?(.*)", command):
            assert importlib.util.find_spec(module), command
            assert module != "checks" or set(words.split()) <= set(CHECKS), command
        folders = "samples|events|docs|tests|checks|benchmarks|ops|functions|layers|statemachine"
        for name in re.findall(rf"(?:^|file://|\s)((?:{folders})/[\w./-]+)$", command):
            made = name.startswith("benchmarks/results")
            assert made or (ROOT / name).exists(), command
