"""An ONNX file's header, read without the package onnx: the same as the package says."""

from pathlib import Path

import onnx
import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.onnx_header import read_header
from memoria_pipeline.vision.onnx_pack import open_pack

PACK = "scrfd_2.5g_mobilefacenet"


def test_it_says_what_onnx_says(shared_models: Path) -> None:
    for path in sorted((shared_models / PACK).glob("*.onnx")):
        graph, header = onnx.load(str(path)).graph, read_header(path)
        own = {each.name for each in graph.initializer}
        assert header.inputs == {
            each.name: tuple(d.dim_value for d in each.type.tensor_type.shape.dim)
            for each in graph.input
            if each.name not in own
        }
        assert header.nodes == tuple(node.name for node in graph.node[:8])
        assert header.outputs == len(graph.output)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_is_cut_off_is_refused(
    share: float, shared_models: Path, tmp_path: Path
) -> None:
    for path in (shared_models / PACK).glob("*.onnx"):
        whole = path.read_bytes()
        (tmp_path / path.name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="fetch the pack again"):
        open_pack(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\xff" * 30, b"\x3a\x05ab", b"\x3a\x00\x3a\x00", b"\x08", b"\x0b\x00", b"hello"]
)
def test_bytes_that_are_no_network_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_header(tmp_path / "rec.onnx")
