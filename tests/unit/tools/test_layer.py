"""What a built layer is checked for, on folders that are made for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.unit.tools.test_elf import binary
from tools import layer


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def elf(machine: int) -> bytes:
    """The first bytes of a binary, as ``file`` would read them, and some more."""
    return b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little") + b"\1\0\0\0"


def test_the_size_is_that_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, {"a": "12", "deep/er/b": "345"})

    assert layer.size(tmp_path) == 5


def test_the_digest_tells_names_and_contents_apart_and_no_more(tmp_path: Path) -> None:
    files = {"a": "1", "deep/b": "2"}
    first = write(tmp_path / "first", files)

    assert layer.digest(first) == layer.digest(
        write(tmp_path / "same", dict(reversed(files.items())))
    )
    others = [{"a": "2", "deep/b": "1"}, {"a": "1", "deep/c": "2"}, {"a": "1"}]
    for number, other in enumerate(others):
        assert layer.digest(first) != layer.digest(write(tmp_path / str(number), other))

    # Builds on different machines are compared by it.
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"1", b"2"))
    listed = f"a\0{one}\ndeep/b\0{two}\n"
    assert layer.digest(first) == hashlib.sha256(listed.encode()).hexdigest()


def test_only_binaries_for_another_processor_are_foreign(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "arm.so": elf(0xB7),
            "deep/intel.so": elf(0x3E),
            "big-endian.so": elf(0xB700),
            "unknown.so": elf(0x1B7),
            "text.py": "x" * 30,
            "short": "x",
        },
    )

    found = layer.foreign_binaries(tmp_path)

    assert sorted(each.name for each in found) == ["big-endian.so", "intel.so", "unknown.so"]


def test_a_library_that_the_layer_has_is_not_asked_of_the_system(tmp_path: Path) -> None:
    needs = {"libpng.so": ["PNG16_0"], "libother.so": []}
    write(tmp_path, {"libs/libpng.so": binary({}), "deep/a.so": binary(needs), "b.so": elf(0x3E)})

    assert layer.too_new(tmp_path) == [f"{tmp_path / 'deep/a.so'}: libother.so"]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("package/module.py", True),
        ("package/binary.abi3.so", True),
        ("package/latest.py", True),
        ("package/testing/module.py", True),
        ("package/cabin/module.py", True),
        ("package/data.json", True),
        ("package/tests/module.py", False),
        ("package/test/module.py", False),
        ("tests/module.py", False),
        ("bin/tool", False),
        ("package/__pycache__/module.cpython-313.pyc", False),
        ("package/module.pyc", False),
        ("package/module.pyi", False),
        ("package/code.c", False),
        ("package/code.h", False),
        ("package/code.a", False),
    ],
)
def test_what_lambda_has_no_use_for_is_superfluous(tmp_path: Path, name: str, needed: bool) -> None:
    write(tmp_path, {name: ""})

    assert layer.superfluous(tmp_path) == ([] if needed else [Path(name)])


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    return write(tmp_path / "functions", {"resize/app.py": "import os\n"})


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """What Lambda mounts: our own code, and packages of each form."""
    files = {
        "darkroom/__init__.py": "",
        "darkroom/steps.py": "",
        "package/__init__.py": "",
        "single.py": "",
        "stable.abi3.so": "",
        "binary.cpython-313-aarch64-linux-gnu.so": "",
        "intel.cpython-313-x86_64-linux-gnu.so": "",
        "botocore/data/s3/x.json": "",
    }
    return write(tmp_path / "python", files)


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import os.path, json", []),
        ("from collections.abc import Iterator", []),
        ("import package", []),
        ("import single as other", []),
        ("import stable", []),
        ("import binary", []),
        ("import intel", ["intel"]),
        ("import gone", ["gone"]),
        ("import package.gone", ["package.gone"]),
        ("import gone, package, lost", ["gone", "lost"]),
        ("from gone.deeper import name", ["gone.deeper"]),
        ("from darkroom.steps import prepare", []),
        ("from darkroom.gone import prepare", ["darkroom.gone"]),
        ("from . import other", []),
        ("import app", []),  # the function's own
        ("def work():\n    import gone", ["gone"]),
        ("if True:\n    import gone", ["gone"]),
        ("if TYPE_CHECKING:\n    import gone", []),
        ('client("s3")', []),
        ('boto3.client(\n    "sqs",', ["botocore/data/sqs"]),
        ('_make("sns")', ["botocore/data/sns"]),
        ('client("s3"); client("sns"); client("sqs")', ["botocore/data/sns", "botocore/data/sqs"]),
        ("import gone\nclient('x')\nclient(\"ssm\")", ["gone", "botocore/data/ssm"]),
    ],
)  # fmt: skip
def test_what_a_function_imports_must_be_there(
    functions: Path, opt: Path, code: str, missing: list[str]
) -> None:
    text = code if not code.endswith(",") else code + ")"
    write(functions, {"resize/app.py": text})

    assert layer.unresolved(functions, opt) == [f"resize/app.py: {each}" for each in missing]


def test_what_our_own_code_imports_must_be_there_too(functions: Path, opt: Path) -> None:
    write(opt, {"darkroom/deep/render.py": "import gone\nimport package"})
    write(functions, {"notify/app.py": "import lost", "notify/other.py": "import app"})

    assert layer.unresolved(functions, opt) == ["notify/app.py: lost", "darkroom/render.py: gone"]


def test_what_one_function_has_is_not_there_for_another(functions: Path, opt: Path) -> None:
    write(functions, {"notify/own.py": "", "resize/app.py": "import own"})

    assert layer.unresolved(functions, opt) == ["resize/app.py: own"]


def test_a_good_layer_is_told_by_size_and_digest(
    functions: Path, opt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(layer, "FUNCTIONS", functions)
    monkeypatch.setattr("sys.argv", ["layer", str(opt.parent)])
    write(opt, {"large": b"0" * 1_250_000})

    assert layer.main() == 0

    said = capsys.readouterr()
    assert said.out == (f"The layer has 1.3 MB; its SHA-256 is {layer.digest(opt.parent)}.\n")
    assert said.err == ""


def test_everything_that_is_wrong_with_a_layer_is_told(
    functions: Path, opt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(layer, "FUNCTIONS", functions)
    monkeypatch.setattr(layer, "MAX_BYTES", 2_000_000)
    monkeypatch.setattr("sys.argv", ["layer", str(opt.parent)])
    write(functions, {"resize/app.py": "import gone"})
    newer = binary({"libc.so.6": ["GLIBC_2.35"]})
    write(
        opt, {"intel.so": elf(0x3E), "newer.so": newer, "bin/tool": "", "large": b"0" * 2_000_000}
    )

    assert layer.main() == 1

    assert capsys.readouterr().err.splitlines() == [
        f"{opt / 'intel.so'} is not for arm64.",
        f"{opt / 'newer.so'}: libc.so.6 with GLIBC_2.35 is needed, and Amazon Linux 2023 has none.",
        "bin/tool is of no use on Lambda.",
        "resize/app.py: gone is imported, and not there.",
        "It is larger than 2 MB.",
    ]


def test_a_layer_may_have_60_mb(
    functions: Path, opt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(layer, "FUNCTIONS", functions)
    monkeypatch.setattr("sys.argv", ["layer", str(opt.parent)])
    monkeypatch.setattr(layer, "digest", lambda _: "not of interest")
    spare = 60_000_000 - layer.size(opt.parent)
    with (opt / "large").open("wb") as file:
        file.truncate(spare)
        assert layer.main() == 0
        file.truncate(spare + 1)
        assert layer.main() == 1
    assert capsys.readouterr().err == "It is larger than 60 MB.\n"


def test_the_functions_are_those_of_the_template() -> None:
    found = {path.parent.name for path in layer.FUNCTIONS.glob("*/app.py")}

    assert {"prepare", "resize", "make_pdf", "backup_original", "notify"} <= found
