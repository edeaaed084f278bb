"""Train image classifiers on images whose backgrounds were changed and whose subjects were kept.

`__init__.pyi` lists the public names; each is loaded when it is first used, so that importing the package costs
nothing. Each room has such a list of its own. What is not listed is private by convention and may move.
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
