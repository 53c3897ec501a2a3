"""Source and rendition, one over the other; and all outputs of an execution as one file."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from darkroom_ops.console import tiles
from darkroom_ops.console.context import context_of, execution_of
from darkroom_ops.console.pictures import NoPicture, of_source, shown, size_of, viewed
from darkroom_ops.console.problems import problem
from darkroom_ops.console.views.execution import path_of
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words


def show(request: Request) -> Response:
    """Show a rendition over the part of the source that it was made of."""
    execution, name = execution_of(request), request.path_params["which"]
    outputs = shown(execution)
    names = [made.name for made in outputs.renditions]
    if name not in names or outputs.image is None:
        return problem(
            request, 404, "No such rendition",
            f"Expected a rendition of this execution, one of {', '.join(names) or 'none'}, but "
            f"received {name!r}.", back=_back(execution),
        )  # fmt: skip
    at = names.index(name)
    made, image = outputs.renditions[at], outputs.image
    size = size_of(made)
    own = of_source(execution, name) or (image.width, image.height)
    return context_of(request).page(
        "viewer.html",
        own=own,
        tile=tiles.SIDE,
        source_viewed=viewed(own),
        made_viewed=viewed(size),
        here="executions",
        execution=execution,
        base=path_of(execution.arn),
        made=made,
        image=image,
        names=names,
        before=names[at - 1] if at else None,
        after=names[at + 1] if at + 1 < len(names) else None,
        pixels=words.change(size[0] * size[1], image.width * image.height),
        saving=words.saving(made, image.bytes),
    )


def _back(execution: Execution) -> tuple[str, str]:
    return "Back to the execution", path_of(execution.arn)


def download(request: Request) -> Response:
    """Send all outputs of an execution as a ZIP file, one after the other."""
    execution = execution_of(request)
    each = context_of(request).pictures.every(execution)
    missing: list[str] = []
    for name, data in each:
        if not isinstance(data, NoPicture):
            files = _with_missing(itertools.chain([(name, data)], each), missing)
            break
        missing.append(f"{name}: {data}")
    else:
        said = " ".join(missing) or "This execution has made none."
        return problem(request, 404, "No outputs", f"There is nothing to download. {said}",
                       back=_back(execution))  # fmt: skip
    key = execution.source.key if execution.source else execution.name
    name = quote(f"{key.rpartition('/')[2]}.zip", errors="replace")
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


def _with_missing(
    files: Iterable[tuple[str, bytes | NoPicture]], missing: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the files that there are, and in the end a text that says which there are not."""
    for name, data in files:
        if isinstance(data, NoPicture):
            missing.append(f"{name}: {data}")
        else:
            yield name, data
    if missing:
        yield "not included.txt", "\n".join([*missing, ""]).encode(errors="replace")


class _Sink(io.RawIOBase):
    """What a ZIP file is written to, and taken from as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: object) -> int:
        self._parts.append(bytes(data))  # type: ignore[call-overload]
        return len(self._parts[-1])

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def zipped(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield a ZIP file, a part for each file; pictures are as small as they get already."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as target:
        for name, data in files:
            target.writestr(name, data)
            yield sink.take()
    yield sink.take()
