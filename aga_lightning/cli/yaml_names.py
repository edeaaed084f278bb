r"""YAML that can hold every name a file system allows.

PyYAML's fast loader refuses lone surrogates, by which Python holds the bytes of a file name that are no UTF-8 (see
`aga_lightning.files`), also where PyYAML itself has written them, as `"caf\uDCE9"`.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

_ESCAPE = re.compile(r"\\u(dc[89a-f][0-9a-f])", re.IGNORECASE)
# Characters that no standard will ever assign stand for the surrogates while YAML is read.
_STAND_INS = {surrogate: chr(0x100000 + surrogate) for surrogate in range(0xDC80, 0xDD00)}
_SURROGATES = {ord(stand_in): chr(surrogate) for surrogate, stand_in in _STAND_INS.items()}


def loads_any_name(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """A loader of YAML that takes what `load` takes, and names with bytes that are no UTF-8 besides.

    Args:
        load: A loader of YAML, from text to plain values.
    """

    def load_any(text: str) -> Any:  # noqa: ANN401 what a YAML file may hold
        try:
            return load(text)
        except (UnicodeEncodeError, yaml.YAMLError):
            hidden = _ESCAPE.sub(r"\\U0010\1", text).translate(_STAND_INS)
            if hidden == text:
                raise
            return _shown_again(load(hidden))

    return load_any


def _shown_again(value: Any) -> Any:  # noqa: ANN401 as above
    if isinstance(value, dict):
        return {_shown_again(key): _shown_again(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown_again(item) for item in value]
    return value.translate(_SURROGATES) if isinstance(value, str) else value
