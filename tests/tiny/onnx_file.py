"""A network for salient objects as an ONNX file, written by hand: how red a pixel is, through a sigmoid."""

import struct


def _number(value):
    """A whole number in base 128, as protobuf writes it."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _number(rest) if rest else bytes([low])


def _field(key, value):
    """One field of a message: a number, a text, or a message in bytes."""
    if isinstance(value, int):
        return _number(key << 3) + _number(value)
    content = value.encode() if isinstance(value, str) else value
    return _number(key << 3 | 2) + _number(len(content)) + content


def _tensor(name, *dims, values):
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(_field(1, dim) for dim in dims) + _field(2, 1) + _field(8, name) + _field(9, raw)


def _value(name, *dims):
    shape = b"".join(_field(1, _field(1, dim)) for dim in dims)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, shape)))


def _node(kind, inputs, output):
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(3, output) + _field(4, kind)


def save(path, side=320, weights=(1.0, -1.0, -1.0), maps=1, last="Sigmoid"):
    """Write a network of one convolution of a pixel and a sigmoid, (1, 3, side, side) in, (1, maps, side, side) out.

    With the last layer Flatten or GlobalAveragePool it gives numbers, as a classifier does.
    """
    graph = _field(1, _node("Conv", ["photo", "weights", "bias"], "sums")) + _field(1, _node(last, ["sums"], "map"))
    graph += _field(2, "tiny")
    graph += _field(5, _tensor("weights", maps, 3, 1, 1, values=weights * maps))
    graph += _field(5, _tensor("bias", maps, values=(0.0,) * maps))
    graph += _field(11, _value("photo", 1, 3, side, side)) + _field(12, _value("map", 1, maps, side, side))
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13)))
    return path
