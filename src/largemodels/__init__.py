"""The library of *Large Models at Work*: models and their training, written to be read.

``import largemodels as lm`` gives the names that ``__init__.pyi`` lists. Their modules load when they are first used,
so the import itself costs little.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
