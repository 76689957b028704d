"""The library of *Large Models at Work*: models and their training, written to be read.

``import largemodels as lm`` provides the names listed in ``__init__.pyi``. Modules load when first used, so the import
itself is cheap.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
