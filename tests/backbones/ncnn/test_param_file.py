"""The text of a .param: what is read, and that everything else is refused in one line that says what to do."""

import pytest

from ttpo_cli.backbones.ncnn.param_file import LARGEST_TEXT, read_param
from ttpo_cli.errors import WeightsError

INPUT = "Input input 0 1 in"


def param(folder, *lines, counts=None, content=None):
    path = folder / "model.param"
    if content is None:
        made = sum(int(line.split()[3]) for line in lines if len(line.split()) > 3 and line.split()[3].isdigit())
        content = "\n".join(["7767517", counts or f"{len(lines)} {made}", *lines]).encode()
    path.write_bytes(content)
    return path


def test_a_line_becomes_a_layer_with_its_blobs_numbers_and_arrays(tmp_path):
    line = "Convolution  conv_0   2 1 a b   out 0=64 1=-3 9=2 2=1.5e-01 -23310=2,0.1,-7 11=4,5, -23330=4,3,8,8,3"
    layer = read_param(param(tmp_path, INPUT, line))[1]
    assert (layer.kind, layer.name, layer.inputs, layer.outputs) == ("Convolution", "conv_0", ("a", "b"), ("out",))
    assert layer.numbers == {0: 64, 1: -3, 9: 2, 2: 0.15}
    assert layer.arrays == {10: (0.1, -7), 11: (4, 5), 30: (3, 8, 8, 3)}
    assert (layer.integer(0), layer.integer(5, 8), layer.number(2), layer.flag(3), layer.integers(11)) == (64, 8, 0.15, False, (4, 5))


def test_empty_lines_and_windows_line_ends_are_fine(tmp_path):
    assert len(read_param(param(tmp_path, content=b"7767517\r\n1 1\r\n\r\nInput input 0 1 in\r\n\r\n"))) == 1


WRONG = {
    "empty": (b"", "does not begin with 7767517"),
    "another text": (b"hello\n", "does not begin with 7767517"),
    "binary form": (bytes.fromhex("dd857600") + bytes(40), "binary form.*give the .param in text"),
    "not text": (b"7767517\n1 1\n\xff\xfe", "is not text"),
    "no counts": (b"7767517\n", "does not state its numbers"),
    "one count": (b"7767517\n1\nInput input 0 1 in\n", "does not state its numbers"),
    "words for counts": (b"7767517\none two\nInput input 0 1 in\n", "does not state its numbers"),
    "2^31 layers": (b"7767517\n2147483648 1\nInput input 0 1 in\n", "states 2147483648 layers and describes 1"),
    "2^31 blobs": (b"7767517\n1 2147483648\nInput input 0 1 in\n", "states 2147483648 blobs"),
    "negative layers": (b"7767517\n-1 1\nInput input 0 1 in\n", "states -1 layers"),
    "negative blobs": (b"7767517\n1 -1\nInput input 0 1 in\n", "states -1 blobs"),
    "no layers": (b"7767517\n0 0\n", "states 0 layers"),
    "cut": (b"7767517\n3 3\nInput input 0 1 in\n", "states 3 layers and describes 1.*cut short"),
    "longer": (b"7767517\n1 1\nInput input 0 1 in\nNoop a 1 1 in out\n", "states 1 layers and describes 2"),
    "cut line": (b"7767517\n1 1\nInput input\n", "a line that is not a layer"),
    "negative inputs": (b"7767517\n1 1\nInput input -1 1 in\n", "a line that is not a layer"),
    "many inputs": (b"7767517\n1 1\nConcat c 2147483647 1 in\n", "a line that is not a layer"),
    "missing blobs": (b"7767517\n1 1\nConcat c 3 1 a b 0=1\n", "without all of its 4 blobs"),
    "control characters": (b"7767517\n1 1\nInput in\x1b[31m 0 1 in\n", "control characters"),
    "no key": (b"7767517\n1 1\nInput input 0 1 in extra\n", "'extra', which is not KEY=NUMBER"),
    "no value": (b"7767517\n1 1\nInput input 0 1 in 0=\n", "not KEY=NUMBER"),
    "a word for a value": (b"7767517\n1 1\nInput input 0 1 in 0=wide\n", "'wide', which is not a number"),
    "NaN": (b"7767517\n1 1\nInput input 0 1 in 0=nan\n", "not a number"),
    "infinite": (b"7767517\n1 1\nInput input 0 1 in 0=1e999\n", "not a number"),
    "short array": (b"7767517\n1 1\nInput input 0 1 in -23300=3,1,2\n", "not as long as it says"),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_text_is_refused(tmp_path, name):
    content, reason = WRONG[name]
    with pytest.raises(WeightsError, match=rf"model\.param.*{reason}") as caught:
        read_param(param(tmp_path, content=content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_for_a_text_of_layers_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "model.param"
    with path.open("wb") as stream:
        stream.truncate(LARGEST_TEXT + 1)
    with pytest.raises(WeightsError, match="larger than 16 MiB"):
        read_param(path)


def test_values_of_the_wrong_kind_are_refused_where_they_are_asked_for(tmp_path):
    layer = read_param(param(tmp_path, "Convolution c 1 1 a b 0=1.5 1=9 2=2 -23303=1,0.5"))[0]
    for ask in (lambda: layer.integer(0), lambda: layer.integer(1, most=8), lambda: layer.flag(2), lambda: layer.integers(3)):
        with pytest.raises(WeightsError, match="model.param: Convolution 'c' has"):
            ask()
    with pytest.raises(WeightsError, match="reads 1 blobs, not 2"):
        layer.check_blobs(2)
    with pytest.raises(WeightsError, match="has the setting 2, which ttpo does not know"):
        layer.check_known(0, 1, 3)
    layer.check_known(0, 1, 2, 3)
