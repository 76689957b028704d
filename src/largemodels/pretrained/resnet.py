"""Converting the weights of a ResNet from and to Hugging Face ``transformers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..models.resnet import ResNet, ResNetConfig

if TYPE_CHECKING:
    from transformers import ResNetForImageClassification

# Our names of modules: theirs.
_RESNET = {
    "stem": "resnet.embedder.embedder",
    "stages": "resnet.encoder.stages",
    "conv": "convolution",
    "norm": "normalization",
    "head": "classifier.1",
}
# Our config fields: theirs.
_RESNET_FIELDS = {
    "in_channels": "num_channels",
    "stem_channels": "embedding_size",
    "channels": "hidden_sizes",
    "n_blocks": "depths",
    "block": "layer_type",
    "stride_in_first": "downsample_in_bottleneck",
    "n_classes": "num_labels",
}


def resnet_from_transformers(reference: ResNetForImageClassification) -> ResNet:
    """A :class:`~largemodels.models.resnet.ResNet` with the weights and running statistics of another.

    Raises:
        ValueError: if the reference has features that our ResNet lacks; the message names them.
    """
    theirs: Any = reference.config
    for name, wanted in {"hidden_act": "relu", "downsample_in_first_stage": False}.items():
        if getattr(theirs, name) != wanted:
            raise ValueError(
                f"Our ResNet needs {name} = {wanted!r}; this model has {getattr(theirs, name)!r}."
            )
    values = {ours: getattr(theirs, name) for ours, name in _RESNET_FIELDS.items()}
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    model = ResNet(ResNetConfig(**fields))
    state = reference.state_dict()
    model.load_state_dict({name: state[_resnet_name(name)] for name in model.state_dict()})
    return model.train(reference.training)


def resnet_to_transformers(model: ResNet) -> ResNetForImageClassification:
    """The model as a ``ResNetForImageClassification`` with its own copy of the weights.

    Raises:
        ValueError: if that cannot have the same architecture; the message names the field that differs.
    """
    from transformers import ResNetConfig as TheirConfig
    from transformers import ResNetForImageClassification

    config = model.config
    for name, wanted in {"stem": "large", "residual": True}.items():
        if getattr(config, name) != wanted:
            raise ValueError(
                f"transformers has no ResNet with {name} = {getattr(config, name)!r}: it would have to be {wanted!r}."
            )
    values = {name: getattr(config, ours) for ours, name in _RESNET_FIELDS.items()}
    fields: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    reference = ResNetForImageClassification(TheirConfig(**fields))
    reference.load_state_dict({_resnet_name(name): weight for name, weight in model.state_dict().items()})
    return reference.train(model.training)


def _resnet_name(name: str) -> str:
    """The name of one of our tensors in transformers."""
    words = name.split(".")
    renamed = [_RESNET.get(word, word) for word in words]
    if words[0] == "stages":  # stages.STAGE.BLOCK.…
        renamed.insert(2, "layers")
        renamed = ["layer" if word == "layers" and place > 2 else word for place, word in enumerate(renamed)]
    return ".".join(renamed)
