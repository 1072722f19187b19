"""Networks without numbers, and a look at the gates inside a network."""

import torch

from se_probe.models import (
    SEBlock,
    create_model,
)


def on_meta(arch, **options):
    """Network with shapes and no numbers: cheap, whatever its size."""
    with torch.device("meta"):
        return create_model(arch, **options)


def shake(model):
    """Random statistics and biases, so that no layer is an identity."""
    for tensor in model.state_dict().values():
        if tensor.ndim == 1:
            tensor.uniform_(0.1, 0.9)
    return model.eval()


@torch.no_grad()
def watch_se_blocks(model, images):
    """Input, gate and output of each SE block in one forward, by module path."""
    seen = {}

    def note(path, part):
        def hook(_, inputs, output):
            seen.setdefault(path, {})[part] = output.clone()
            if part == "output":
                seen[path]["input"] = inputs[0].clone()

        return hook

    handles = []
    for path, module in model.named_modules():
        if isinstance(module, SEBlock):
            handles.append(module.register_forward_hook(note(path, "output")))
            handles.append(module.gate.register_forward_hook(note(path, "gate")))
    model.eval()(images)
    for handle in handles:
        handle.remove()
    return seen
